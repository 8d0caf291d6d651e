import type { Explanation } from '../index.js';

/** One line of a request in the structure view. */
export interface Row {
  readonly depth: number;
  /** The name of the member, as JSON. */
  readonly name?: string;
  readonly text: string;
  readonly kind: 'string' | 'number' | 'word' | 'bracket' | 'digest';
  /** Whether a comma follows in the canonical form. */
  readonly comma: boolean;
  /** Whether it is excluded. */
  readonly isExcluded: boolean;
  /** The reason, in the first row of an excluded value. */
  readonly reason?: string;
  /** The value that a digest replaces. */
  readonly replaced?: string;
}

/** Longer strings are cut, for example images in base64. */
const SHOWN_CHARS = 600;

type Notes = Pick<Explanation, 'excluded' | 'referenced'>;

/** Yields the rows of a value in canonical order, excluded values included. */
export function* canonicalRows(value: unknown, { excluded, referenced }: Notes): Generator<Row> {
  const excludedBy = new Map(excluded.map(({ path, by }) => [path, by]));
  const digests = new Map(referenced.map(({ path, sha256 }) => [path, sha256]));

  function* rows(each: unknown, path: string, place: Place): Generator<Row> {
    const begins = !place.isExcluded && excludedBy.has(path);
    const isExcluded = place.isExcluded || begins;
    const by = excludedBy.get(path);
    const reason = begins
      ? { reason: by === undefined ? 'not included' : `excluded by ${by}` }
      : {};
    const head = { ...place, isExcluded, comma: place.comma && !isExcluded };
    const digest = isExcluded ? undefined : digests.get(path);
    if (digest !== undefined) {
      const text = JSON.stringify(`sha256:${digest}`);
      yield { ...head, text, kind: 'digest', replaced: summary(each) };
      return;
    }
    if (typeof each !== 'object' || each === null) {
      yield { ...head, ...reason, ...scalar(each) };
      return;
    }
    const isArray = Array.isArray(each);
    // sort() compares UTF-16 code units, as RFC 8785 §3.2.3 requires.
    const names = isArray ? [...each.keys()] : Object.keys(each).sort();
    const [open, close] = isArray ? ['[', ']'] : ['{', '}'];
    if (names.length === 0) {
      yield { ...head, ...reason, text: open + close, kind: 'bracket' };
      return;
    }
    const pathOf = (name: string | number) =>
      `${path}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const last = names.findLast((name) => !excludedBy.has(pathOf(name)));
    yield { ...head, ...reason, text: open, kind: 'bracket', comma: false };
    for (const name of names) {
      yield* rows((each as Record<string | number, unknown>)[name], pathOf(name), {
        depth: place.depth + 1,
        ...(isArray ? {} : { name: JSON.stringify(name) }),
        comma: name !== last,
        isExcluded,
      });
    }
    yield { depth: place.depth, isExcluded, comma: head.comma, text: close, kind: 'bracket' };
  }

  yield* rows(value, '', { depth: 0, comma: false, isExcluded: false });
}

type Place = Pick<Row, 'depth' | 'name' | 'comma' | 'isExcluded'>;

function scalar(value: unknown): Pick<Row, 'text' | 'kind'> {
  if (typeof value === 'string') return { text: cut(value, SHOWN_CHARS), kind: 'string' };
  return { text: JSON.stringify(value), kind: typeof value === 'number' ? 'number' : 'word' };
}

function summary(value: unknown): string {
  if (typeof value === 'string') return cut(value, 80);
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

/** A string as JSON. A long one is cut. */
function cut(value: string, charCount: number): string {
  if (value.length <= charCount) return JSON.stringify(value);
  const rest = (value.length - charCount).toLocaleString('en-US');
  return `${JSON.stringify(value.slice(0, charCount)).slice(0, -1)} … ${rest} more"`;
}
