import type { Difference, Excluded, Explanation, Identity } from '../index.js';
import { counted } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { columnsOf, cut, type Style } from './terminal.js';

/** A request and how its key is derived. */
export interface Explained {
  readonly name: string;
  readonly value: unknown;
  readonly explanation: Explanation;
}

/** How many rows of a section a terminal shows. A pipe gets all. */
const MAX_ROWS = 40;
/** How many columns to show before the first difference of two long values. */
const LEAD_COLUMNS = 16;

/** Describes one request: canonical form, excluded members, scopes, key. */
export function explanationView(
  { name, explanation }: Explained,
  identity: Identity,
  style: Style,
): string {
  const { canonical, excluded, referenced, scopes, key } = explanation;
  const bits = `${identity.bits ?? 256} bits${identity.secret === undefined ? '' : ', HMAC'}`;
  return [
    style.paint('bold', name),
    ...section(
      style,
      `canonical form, ${counted(Buffer.byteLength(canonical), 'byte')}`,
      canonicalRows(canonical, style),
    ),
    ...section(style, 'excluded', excludedRows(excluded, style)),
    ...section(
      style,
      'included as a digest',
      referenced.map(({ path, sha256 }) => pairRow(pathText(path), `sha256:${sha256}`, style)),
    ),
    ...section(style, 'scopes, outermost first', scopes.map(printable)),
    ...section(style, `key, ${bits}`, [style.paint('green', key)]),
    '',
  ].join('\n');
}

/** Compares two requests: keys, excluded members, scopes, differences. */
export function differenceView(
  a: Explained,
  b: Explained,
  differences: readonly Difference[],
  style: Style,
): string {
  const isEqual = a.explanation.key === b.explanation.key;
  const colour = isEqual ? 'green' : 'red';
  const verdict = isEqual
    ? 'The keys are equal.'
    : `The keys differ at ${counted(differences.length, 'path')}.`;
  const [excludedFromA, excludedFromB] = [a, b].map(({ explanation }) =>
    excludedRows(explanation.excluded, style),
  ) as [string[], string[]];
  const isSame = excludedFromA.join('\n') === excludedFromB.join('\n');
  return [
    ...[a, b].flatMap(({ name, explanation }, i) => [
      `${'ab'[i]}  ${style.paint('bold', name)}`,
      `   ${style.paint(colour, explanation.key)}`,
    ]),
    ...section(style, `excluded from ${isSame ? 'both' : 'a'}`, excludedFromA),
    ...section(style, 'excluded from b', isSame ? [] : excludedFromB),
    ...section(style, 'scopes, outermost first', a.explanation.scopes.map(printable)),
    ...section(
      style,
      'different',
      differences.map((difference) => differenceRow(difference, style)),
    ),
    '',
    style.paint(colour, verdict),
    '',
  ].join('\n');
}

/** A heading and its rows, or nothing without rows. */
function section(style: Style, heading: string, rows: readonly string[]): string[] {
  if (rows.length === 0) return [];
  const isCut = style.columns !== undefined && rows.length > MAX_ROWS;
  const shown = isCut ? rows.slice(0, MAX_ROWS) : rows;
  const rest = isCut ? [`… and ${rows.length - MAX_ROWS} more (a pipe shows all)`] : [];
  return ['', style.paint('cyan', heading), ...[...shown, ...rest].map((row) => `  ${row}`)];
}

/** The canonical form. On a terminal, one line for each top-level member. */
function canonicalRows(canonical: string, style: Style): string[] {
  if (style.columns === undefined) return [canonical];
  const columns = style.columns - 2;
  return topLevelParts(canonical).map((part) =>
    cut(printable(part.slice(0, 4 * columns)), columns),
  );
}

/** Cuts the text of an object or array after each comma between its members. */
function topLevelParts(canonical: string): string[] {
  const parts: string[] = [];
  const tokens = /["{}[\],]/g;
  let depth = 0;
  let start = 0;
  const part = (end: number) => {
    parts.push(`${start === 0 ? '' : ' '}${canonical.slice(start, end)}`);
    start = end;
  };
  while (tokens.test(canonical)) {
    const token = canonical[tokens.lastIndex - 1] as string;
    if (token === '"') tokens.lastIndex = stringEnd(canonical, tokens.lastIndex);
    else if (token !== ',') depth += token === '{' || token === '[' ? 1 : -1;
    else if (depth === 1) part(tokens.lastIndex);
  }
  part(canonical.length);
  return parts;
}

/** Returns where the JSON string ends whose content begins at `from`. */
function stringEnd(json: string, from: number): number {
  const breaks = /["\\]/g;
  breaks.lastIndex = from;
  while (breaks.test(json) && json[breaks.lastIndex - 1] === '\\') breaks.lastIndex++;
  return breaks.lastIndex;
}

function excludedRows(excluded: readonly Excluded[], style: Style): string[] {
  const paths = excluded.map(({ path }) => pathText(path));
  const width = Math.min(40, Math.max(0, ...paths.slice(0, MAX_ROWS).map((path) => path.length)));
  return excluded.map(({ by }, i) => {
    const reason = by === undefined ? 'not included' : `by ${printable(by)}`;
    return pairRow((paths[i] as string).padEnd(width), reason, style);
  });
}

/** Two texts in one line, the second one dimmed; in two lines where a terminal is too narrow. */
function pairRow(first: string, second: string, style: Style): string {
  const columns = style.columns && style.columns - 2;
  if (columns !== undefined && columnsOf(first) + 2 + columnsOf(second) > columns) {
    return `${cut(first.trimEnd(), columns)}\n    ${style.paint('dim', cut(second, columns - 2))}`;
  }
  return first + style.paint('dim', `  ${second}`);
}

function differenceRow({ path, a, b }: Difference, style: Style): string {
  const columns = style.columns === undefined ? undefined : style.columns - 7;
  const same = commonLength(a ?? '', b ?? '');
  const line = (name: string, value: string | undefined, format: 'red' | 'green') => {
    if (value === undefined) return `    ${name}  ${style.paint('dim', '(absent)')}`;
    const shown = columns === undefined ? printable(value) : excerpt(value, same, columns);
    return `    ${name}  ${style.paint(format, shown)}`;
  };
  return [
    style.paint('bold', cut(pathText(path), columns)),
    line('a', a, 'red'),
    line('b', b, 'green'),
  ].join('\n');
}

/** Cuts a value to a width. A longer one begins shortly before the first difference. */
function excerpt(value: string, same: number, columns: number): string {
  const start = same - LEAD_COLUMNS;
  if (start <= 0 || value.length <= columns)
    return cut(printable(value.slice(0, 4 * columns)), columns);
  // Not in the middle of a surrogate pair.
  const rest = value.slice(start, start + 4 * columns).replace(/^[\udc00-\udfff]/, '');
  return cut(`…${printable(rest)}`, columns);
}

function commonLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let i = 0;
  while (i < end && a[i] === b[i]) i++;
  return i;
}

/** A JSON Pointer as text. The empty one is the whole value. */
function pathText(path: string): string {
  return path === '' ? '(the whole value)' : printable(path);
}
