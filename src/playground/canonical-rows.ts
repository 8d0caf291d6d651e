import type { Explanation } from '../index.js';

/** One line of a request written by its structure. */
export interface Row {
  readonly depth: number;
  /** The member's name as JSON, if it is one's. */
  readonly name?: string;
  readonly text: string;
  readonly kind: 'string' | 'number' | 'word' | 'bracket' | 'digest';
  /** What comes behind it in the canonical form. */
  readonly comma: boolean;
  /** Whether it is left out. */
  readonly isOut: boolean;
  /** Why, where what is left out begins: a path, or that nothing took it in. */
  readonly why?: string;
  /** What stood here before a digest replaced it. */
  readonly replaced?: string;
}

/** What a string is cut to: a base64 image is no reading matter. */
const SHOWN_CHARS = 600;

type Notes = Pick<Explanation, 'excluded' | 'referenced'>;

/** The rows of a value in canonical order, with what is left out in its place. */
export function* canonicalRows(value: unknown, { excluded, referenced }: Notes): Generator<Row> {
  const out = new Map(excluded.map(({ path, by }) => [path, by]));
  const digests = new Map(referenced.map(({ path, sha256 }) => [path, sha256]));

  function* rows(each: unknown, path: string, place: Place): Generator<Row> {
    const begins = !place.isOut && out.has(path);
    const isOut = place.isOut || begins;
    const by = out.get(path);
    const why = begins ? { why: by === undefined ? 'not taken in' : `left out by ${by}` } : {};
    const head = { ...place, isOut, comma: place.comma && !isOut };
    const digest = isOut ? undefined : digests.get(path);
    if (digest !== undefined) {
      const text = JSON.stringify(`sha256:${digest}`);
      yield { ...head, text, kind: 'digest', replaced: summary(each) };
      return;
    }
    if (typeof each !== 'object' || each === null) {
      yield { ...head, ...why, ...scalar(each) };
      return;
    }
    const isArray = Array.isArray(each);
    // By UTF-16 code units, as RFC 8785 §3.2.3 has it, which is how this sorts.
    const names = isArray ? [...each.keys()] : Object.keys(each).sort();
    const [open, close] = isArray ? ['[', ']'] : ['{', '}'];
    if (names.length === 0) {
      yield { ...head, ...why, text: open + close, kind: 'bracket' };
      return;
    }
    const pathOf = (name: string | number) =>
      `${path}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const last = names.findLast((name) => !out.has(pathOf(name)));
    yield { ...head, ...why, text: open, kind: 'bracket', comma: false };
    for (const name of names) {
      yield* rows((each as Record<string | number, unknown>)[name], pathOf(name), {
        depth: place.depth + 1,
        ...(isArray ? {} : { name: JSON.stringify(name) }),
        comma: name !== last,
        isOut,
      });
    }
    yield { depth: place.depth, isOut, comma: head.comma, text: close, kind: 'bracket' };
  }

  yield* rows(value, '', { depth: 0, comma: false, isOut: false });
}

type Place = Pick<Row, 'depth' | 'name' | 'comma' | 'isOut'>;

function scalar(value: unknown): Pick<Row, 'text' | 'kind'> {
  if (typeof value === 'string') return { text: cut(value, SHOWN_CHARS), kind: 'string' };
  return { text: JSON.stringify(value), kind: typeof value === 'number' ? 'number' : 'word' };
}

function summary(value: unknown): string {
  if (typeof value === 'string') return cut(value, 80);
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

/** A string as JSON, its end left away if it is long. */
function cut(value: string, charCount: number): string {
  if (value.length <= charCount) return JSON.stringify(value);
  const rest = (value.length - charCount).toLocaleString('en-US');
  return `${JSON.stringify(value.slice(0, charCount)).slice(0, -1)} … ${rest} more"`;
}
