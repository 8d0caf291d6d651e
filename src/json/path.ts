import { fail, nameOf, quote } from '../errors/errors.js';
import { isWellFormed } from '../hash/content.js';

/**
 * Selects the elements from `start` up to and without `end`, every `step`th. Negative bounds count from
 * the end (RFC 9535 §2.3.4). An index is a slice of one element.
 */
export interface Slice {
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly step: number;
}

/** Selects a member by its name, elements, or all of both (RFC 9535 §2.3.1 to §2.3.4). */
export type Selector = { readonly name: string } | Slice | 'any';

/** Whether a slice selects the element at `index` in an array of `length` elements (§2.3.4.2.2). */
export function selectsElement(
  { start, end, step }: Slice,
  index: number,
  length: number,
): boolean {
  const at = (bound: number) => (bound < 0 ? bound + length : bound);
  // A backward slice goes down from `start`, and stops before `end`.
  const isBackward = step < 0;
  const first = isBackward
    ? Math.min(at(start ?? length), length - 1)
    : Math.max(at(start ?? 0), 0);
  const count = (index - first) / step;
  if (!Number.isInteger(count) || count < 0) return false;
  if (isBackward) return end === undefined || index > at(end);
  return end === undefined || index < at(end);
}

/** One step of a path (RFC 9535 §2.5): to children, or with `..` to descendants at any depth. */
export interface Segment {
  readonly descendant: boolean;
  readonly selectors: readonly Selector[];
}

export interface Path {
  readonly text: string;
  readonly segments: readonly Segment[];
}

/** RFC 9535 §2.5.1.1, `member-name-shorthand`. No surrogate alone is in it. */
const SHORTHAND = /[A-Za-z_\u0080-\ud7ff\ue000-\u{10ffff}][\w\u0080-\ud7ff\ue000-\u{10ffff}]*/uy;
/** A bare name is not JSONPath and may contain hyphens: `request-id`. */
const BARE_NAME = /^[A-Za-z_\u0080-\ud7ff\ue000-\u{10ffff}][\w\u0080-\ud7ff\ue000-\u{10ffff}-]*$/u;
/** RFC 9535 §2.1: no leading zeros, and no -0. */
const INTEGER = /(?:0|-?[1-9]\d*)/y;
const BLANKS = /[ \t\n\r]*/y;
const QUOTED = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/suy;

/** Converts escapes of single quotes to double quotes; `\\"` is invalid in single quotes. */
const AS_DOUBLE: Record<string, string> = { "\\'": "'", '"': '\\"', '\\"': '\\x' };

/** Unsupported segments: their first character and the explanation. */
const UNSUPPORTED: Record<string, string> = {
  '?': 'filters are not supported',
  '(': 'expressions are not supported',
};

/**
 * Parses a path: JSONPath (RFC 9535) with names, indexes, slices, `*` and `..`, or a bare name, which
 * means `$.name`. Parts that depend on values (filters, functions) are rejected.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_PATH` with the `position`; `TypeError` if `text` is not text.
 */
export function parsePath(text: unknown): Path {
  if (typeof text !== 'string') {
    return fail(
      TypeError,
      'SAMEKEY_BAD_PATH',
      `Cannot read a path: it is ${nameOf(text)}, wanted text`,
    );
  }
  if (BARE_NAME.test(text)) {
    return { text: `$.${text}`, segments: [{ descendant: false, selectors: [{ name: text }] }] };
  }
  return { text, segments: new PathReader(text).read() };
}

class PathReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Segment[] {
    if (this.#text[0] !== '$') {
      // For an invalid bare name, such as `a.b`, the error points to the end of its valid part.
      SHORTHAND.lastIndex = 0;
      this.#at = SHORTHAND.exec(this.#text)?.[0].length ?? 0;
      this.#refuse(
        `a path begins with "$", as in ${quote(`$.${this.#text}`)}, and a bare name holds only letters, digits, "_" and "-"`,
      );
    }
    this.#at = 1;
    const segments: Segment[] = [];
    while (this.#at < this.#text.length) {
      this.#skipBlanks();
      segments.push(this.#segment());
    }
    return segments;
  }

  #segment(): Segment {
    if (this.#take('..')) {
      const selectors = this.#take('[') ? this.#bracketed() : [this.#wildcardOrName()];
      return { descendant: true, selectors };
    }
    if (this.#take('.')) return { descendant: false, selectors: [this.#wildcardOrName()] };
    if (this.#take('[')) return { descendant: false, selectors: this.#bracketed() };
    return this.#refuse(`wanted ".", ".." or "[", as in ['a-b'] for other names`);
  }

  #wildcardOrName(): Selector {
    if (this.#take('*')) return 'any';
    const name = this.#match(SHORTHAND);
    return name === undefined ? this.#refuse('wanted a name or "*"') : { name };
  }

  #bracketed(): Selector[] {
    const selectors: Selector[] = [];
    do {
      this.#skipBlanks();
      selectors.push(this.#selector());
      this.#skipBlanks();
    } while (this.#take(','));
    if (!this.#take(']')) this.#refuse('wanted "," or "]"');
    return selectors;
  }

  #selector(): Selector {
    if (this.#take('*')) return 'any';
    const from = this.#at;
    const start = this.#integer();
    const afterStart = this.#at;
    this.#skipBlanks();
    if (this.#take(':')) return this.#slice(start);
    this.#at = afterStart;
    // The element after the last one has no negative index.
    if (start !== undefined) return { start, end: start + 1 || undefined, step: 1 };
    const quoted = this.#match(QUOTED);
    if (quoted !== undefined) return { name: this.#unquote(quoted, from) };
    return this.#refuse('wanted a quoted name, an index, a slice or "*"');
  }

  /** RFC 9535 §2.3.4.1: the rest of `start : end : step`, with blanks between them. */
  #slice(start: number | undefined): Slice {
    this.#skipBlanks();
    const end = this.#integer();
    this.#skipBlanks();
    if (!this.#take(':')) return { start, end, step: 1 };
    this.#skipBlanks();
    return { start, end, step: this.#integer() ?? 1 };
  }

  #integer(): number | undefined {
    const from = this.#at;
    const text = this.#match(INTEGER);
    if (text === undefined) return undefined;
    if (Number.isSafeInteger(Number(text))) return Number(text);
    this.#at = from;
    return this.#refuse('an integer has at most 53 bits');
  }

  /** RFC 9535 §2.3.1.2: the escapes of JSON, and `\'` in single quotes. */
  #unquote(quoted: string, from: number): string {
    const body = quoted.slice(1, -1);
    const json =
      quoted[0] === '"' ? body : body.replace(/\\.|"/gs, (part) => AS_DOUBLE[part] ?? part);
    try {
      const name = JSON.parse(`"${json}"`) as string;
      if (isWellFormed(name)) return name;
    } catch {
      // Reported below.
    }
    this.#at = from;
    return this.#refuse('the quoted name holds an escape or a character that is not allowed');
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #skipBlanks(): void {
    this.#match(BLANKS);
  }

  #refuse(wanted: string): never {
    const next = this.#text[this.#at];
    const isInBrackets =
      this.#text.lastIndexOf('[', this.#at) > this.#text.lastIndexOf(']', this.#at);
    const unsupported = next !== undefined && (isInBrackets || next === '(') && UNSUPPORTED[next];
    const what = unsupported || wanted;
    return fail(
      SyntaxError,
      'SAMEKEY_BAD_PATH',
      `Cannot read the path ${quote(this.#text)} at position ${this.#at}: ${what}`,
      { position: this.#at },
    );
  }
}
