import { toHex } from '../engine/hex.js';
import { decoder, encoder } from '../engine/utf8.js';
import { fail, quote, type SamekeyErrorCode } from '../errors/errors.js';
import { toPointer } from './pointer.js';
import { refuseText, thingAt } from './text-fault.js';

/** What is done with an integer that a double does not hold exactly. */
export type BigNumbers = 'error' | 'double';

export interface ParseLimits {
  readonly maxDepth: number;
  readonly bigNumbers: BigNumbers;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const BACKSLASH = 0x5c;

/** Strings up to this length are read fastest by a loop; 2 MB took it twice as long as `PLAIN_RUN`. */
const LOOP_CHARS = 32;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 is about them
const PLAIN_RUN = /[^"\\\u0000-\u001f]*/y;
/** RFC 8259 §7, `\u` and what follows; surrogates in pairs only (RFC 7493 §2.1). */
const UNICODE_ESCAPE =
  /\\u(?:(?![dD][89a-fA-F])[\da-fA-F]{4}|[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})/y;

/**
 * Returns the value of a JSON text (RFC 8259) that is I-JSON (RFC 7493): UTF-8 without a byte order
 * mark, no name twice in an object, no lone surrogate, and no integer beyond 2^53 - 1 either way
 * unless `bigNumbers` is `'double'`. An integer is what is written without fraction and exponent:
 * `1e300` is a double by intent. Text is well-formed.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_JSON`; {RangeError} `SAMEKEY_TOO_DEEP`, `SAMEKEY_BIG_NUMBER`
 * with the `path`. All have `position`, `line` and `column`.
 */
export function parseJson(content: string | Uint8Array, limits: ParseLimits): unknown {
  return new JsonReader(typeof content === 'string' ? content : decode(content), limits).read();
}

/** One decoding of the whole: pieces of text are cheaper to cut off than bytes are to decode. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuseBytes(bytes);
  }
}

function refuseBytes(bytes: Uint8Array): never {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return fail(
      RangeError,
      'SAMEKEY_TOO_LONG',
      `Cannot read the JSON text: its ${bytes.length} bytes are more than text can be here`,
    );
  }
  // What the lenient decoder has put U+FFFD for is where its text has other bytes.
  const encoded = encoder.encode(text);
  let at = encoded.findIndex((byte, i) => byte !== bytes[i]);
  while (((encoded[at] as number) & 0xc0) === 0x80) at--;
  const index = decoder.decode(encoded.subarray(0, at)).length;
  return refuseText(
    text,
    index,
    `found the byte ${toHex(bytes.subarray(at, at + 1))}, wanted UTF-8`,
  );
}

class JsonReader {
  readonly #text: string;
  readonly #limits: ParseLimits;
  /** The way to the value being read. */
  readonly #tokens: (string | number)[] = [];
  #at = 0;

  constructor(text: string, limits: ParseLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  read(): unknown {
    const value = this.#value(0);
    if (this.#next() !== -1) this.#fail('the end');
    return value;
  }

  #fail(wanted: string): never {
    return refuseText(
      this.#text,
      this.#at,
      `found ${thingAt(this.#text, this.#at)}, wanted ${wanted}`,
    );
  }

  /** Refuses a value that is JSON by its grammar. */
  #refuse(code: SamekeyErrorCode, index: number, depth: number, what: string): never {
    const path = toPointer(this.#tokens.slice(0, depth));
    return refuseText(this.#text, index, what, RangeError, code, path);
  }

  /** Skips white space (RFC 8259 §2) and returns the character behind it, -1 at the end. */
  #next(): number {
    const text = this.#text;
    for (let at = this.#at; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x20 || (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09)) {
        this.#at = at;
        return code;
      }
    }
    this.#at = text.length;
    return -1;
  }

  #value(depth: number): unknown {
    const code = this.#next();
    switch (code) {
      case QUOTE:
        return this.#string();
      case 0x7b:
        return this.#object(depth);
      case 0x5b:
        return this.#array(depth);
      case 0x74:
        return this.#literal('true', true);
      case 0x66:
        return this.#literal('false', false);
      case 0x6e:
        return this.#literal('null', null);
    }
    return this.#isDigit() || code === MINUS ? this.#number(depth) : this.#fail('a value');
  }

  #literal(text: string, value: unknown): unknown {
    if (!this.#text.startsWith(text, this.#at)) this.#fail('a value');
    this.#at += text.length;
    return value;
  }

  #enter(depth: number): void {
    const { maxDepth } = this.#limits;
    if (depth >= maxDepth) {
      const what = `nested deeper than the ${maxDepth} levels of maxDepth`;
      this.#refuse('SAMEKEY_TOO_DEEP', this.#at, depth, what);
    }
    this.#at++;
  }

  /** Goes over what stands behind a member or an element; returns whether another one follows. */
  #more(close: number): boolean {
    const code = this.#next();
    if (code !== close && code !== COMMA) this.#fail(`"," or "${String.fromCharCode(close)}"`);
    this.#at++;
    return code === COMMA;
  }

  #array(depth: number): unknown[] {
    this.#enter(depth);
    const array: unknown[] = [];
    if (this.#next() === 0x5d) {
      this.#at++;
      return array;
    }
    do {
      this.#tokens[depth] = array.length;
      array.push(this.#value(depth + 1));
    } while (this.#more(0x5d));
    return array;
  }

  #object(depth: number): object {
    this.#enter(depth);
    const object: Record<string, unknown> = {};
    if (this.#next() === 0x7d) {
      this.#at++;
      return object;
    }
    do {
      if (this.#next() !== QUOTE) this.#fail('a name in double quotes');
      const start = this.#at;
      const name = this.#string();
      // What every object inherits, `__proto__` above all, is as good a name as any.
      const isInherited = object[name] !== undefined;
      if (isInherited && Object.hasOwn(object, name)) {
        refuseText(this.#text, start, `found the name ${quote(name)} again, wanted it once`);
      }
      this.#tokens[depth] = name;
      if (this.#next() !== 0x3a) this.#fail('":"');
      this.#at++;
      const value = this.#value(depth + 1);
      if (isInherited) {
        Object.defineProperty(object, name, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      } else object[name] = value;
    } while (this.#more(0x7d));
    return object;
  }

  #string(): string {
    const text = this.#text;
    const { length } = text;
    const start = this.#at + 1;
    let hasEscapes = false;
    for (let at = start; at < length; ) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return hasEscapes ? JSON.parse(text.slice(start - 1, at + 1)) : text.slice(start, at);
      }
      if (code === BACKSLASH) {
        hasEscapes = true;
        at = this.#escape(at);
      } else {
        if (code < 0x20) {
          this.#at = at;
          this.#fail('an escape');
        }
        at++;
        if (at - start > LOOP_CHARS) {
          PLAIN_RUN.lastIndex = at;
          PLAIN_RUN.test(text);
          at = PLAIN_RUN.lastIndex;
        }
      }
    }
    this.#at = length;
    return this.#fail("'\"'");
  }

  /** The end of the escape at an index. */
  #escape(at: number): number {
    if ('"\\/bfnrt'.includes(this.#text[at + 1] ?? '-')) return at + 2;
    UNICODE_ESCAPE.lastIndex = at;
    if (UNICODE_ESCAPE.test(this.#text)) return UNICODE_ESCAPE.lastIndex;
    this.#at = at;
    return this.#fail('an escape such as \\n or \\u0009, surrogates in pairs');
  }

  #number(depth: number): number {
    const text = this.#text;
    const start = this.#at;
    if (text.charCodeAt(start) === MINUS) this.#at++;
    if (text.charCodeAt(this.#at) === ZERO) this.#at++;
    else this.#digits();
    let isInteger = true;
    if (text[this.#at] === '.') {
      isInteger = false;
      this.#at++;
      this.#digits();
    }
    if (text[this.#at] === 'e' || text[this.#at] === 'E') {
      isInteger = false;
      this.#at++;
      if (text[this.#at] === '+' || text[this.#at] === '-') this.#at++;
      this.#digits();
    }
    const value = Number(text.slice(start, this.#at));
    const isDouble = this.#limits.bigNumbers === 'double' || !isInteger;
    if (isDouble ? Number.isFinite(value) : Number.isSafeInteger(value)) return value;
    const wanted = isDouble ? 'a finite double' : 'at most 2^53 - 1, or bigNumbers "double"';
    const what = `found ${thingAt(text, start)}, wanted ${wanted}`;
    return this.#refuse('SAMEKEY_BIG_NUMBER', start, depth, what);
  }

  #isDigit(): boolean {
    const code = this.#text.charCodeAt(this.#at);
    return code >= ZERO && code <= 0x39;
  }

  #digits(): void {
    if (!this.#isDigit()) this.#fail('a digit');
    do this.#at++;
    while (this.#isDigit());
  }
}
