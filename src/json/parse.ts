import { toHex } from '../engine/hex.js';
import { decoder, encoder } from '../engine/utf8.js';
import { fail, quote, type SamekeyErrorCode } from '../errors/errors.js';
import { Digits } from './digits.js';
import { toPointer } from './pointer.js';
import { refuseText } from './text-fault.js';

/** How to treat an integer that a double cannot hold exactly. */
export type BigNumbers = 'error' | 'double' | 'digits';

export interface ParseLimits {
  readonly maxDepth: number;
  readonly bigNumbers: BigNumbers;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * A loop reads strings up to this length fastest. For 2 MB it took twice as long as `PLAIN_RUN`.
 */
const LOOP_CHARS = 32;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 is about them
const PLAIN_RUN = /[^"\\\u0000-\u001f]*/y;
/** RFC 8259 §7: the rest of a `\u` escape. Surrogates only in pairs (RFC 7493 §2.1). */
const UNICODE_ESCAPE =
  /\\u(?:(?![dD][89a-fA-F])[\da-fA-F]{4}|[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})/y;
/** RFC 8259 §3 and §6. */
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Returns the value of a JSON text (RFC 8259) that is I-JSON (RFC 7493): UTF-8 without a byte order
 * mark, no repeated name in an object, no lone surrogate, and no integer beyond ±(2^53 - 1) that
 * differs from the canonical text of its double. With `bigNumbers: 'digits'` such an integer becomes
 * a `Digits`. An integer is a number without fraction and exponent; `1e300` is deliberately a
 * double. Content that is passed as text must be well-formed.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_JSON`.
 * @throws {RangeError} `SAMEKEY_TOO_DEEP` and `SAMEKEY_BIG_NUMBER` with the `path`. All errors
 * above have `position`, `line` and `column`. `SAMEKEY_TOO_LONG`.
 */
export function parseJson(content: string | Uint8Array, limits: ParseLimits): unknown {
  return new JsonReader(typeof content === 'string' ? content : decode(content), limits).read();
}

/** Decodes everything at once: cutting a text is cheaper than decoding pieces of bytes. */
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
      `Cannot read the JSON text: its ${bytes.length} bytes are more than text can hold on this platform`,
    );
  }
  // The lenient decoder wrote U+FFFD where the text has other bytes.
  const encoded = encoder.encode(text);
  let at = encoded.findIndex((byte, i) => byte !== bytes[i]);
  while (((encoded[at] as number) & 0xc0) === 0x80) at--;
  const found = `the byte ${toHex(bytes.subarray(at, at + 1))}`;
  return refuseText(text, decoder.decode(encoded.subarray(0, at)).length, 'UTF-8', { found });
}

class JsonReader {
  readonly #text: string;
  readonly #limits: ParseLimits;
  /** The path to the value being read, for errors: names and indexes. */
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
    return refuseText(this.#text, this.#at, wanted);
  }

  /** Throws for a value that is JSON, but out of range. */
  #refuse(code: SamekeyErrorCode, depth: number, wanted: string): never {
    const path = toPointer(this.#tokens.slice(0, depth));
    return refuseText(this.#text, this.#at, wanted, { code, path });
  }

  /** Skips white space (RFC 8259 §2) and returns the next character, or -1 at the end. */
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
    if (code === QUOTE) return this.#string();
    if (code === 0x7b) return this.#object(depth);
    if (code === 0x5b) return this.#array(depth);
    return this.#scalar(depth);
  }

  #scalar(depth: number): unknown {
    SCALAR.lastIndex = this.#at;
    if (!SCALAR.test(this.#text)) this.#fail('a value');
    const end = SCALAR.lastIndex;
    const word = this.#text.slice(this.#at, end);
    const value: unknown = word > ':' ? JSON.parse(word) : Number(word);
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      const { bigNumbers } = this.#limits;
      // Printed digits name one double, so what `canonicalize` prints can be read again.
      const isExact = /[.eE]/.test(word) || String(value) === word;
      if (!isExact && bigNumbers === 'digits') {
        this.#at = end;
        return new Digits(word);
      }
      if (!isExact && bigNumbers === 'error') {
        const wanted = 'at most 2^53 - 1, or bigNumbers "digits" or "double"';
        this.#refuse('SAMEKEY_BIG_NUMBER', depth, wanted);
      }
      if (!Number.isFinite(value)) this.#refuse('SAMEKEY_BIG_NUMBER', depth, 'a finite double');
    }
    this.#at = end;
    return value;
  }

  #enter(depth: number): void {
    const { maxDepth } = this.#limits;
    if (depth >= maxDepth) {
      this.#refuse('SAMEKEY_TOO_DEEP', depth, `at most the ${maxDepth} levels of maxDepth`);
    }
    this.#at++;
  }

  /** Whether an empty object or array ends here. */
  #skipEnd(close: number): boolean {
    if (this.#next() !== close) return false;
    this.#at++;
    return true;
  }

  /** Skips the comma or the end after a member or element. Returns whether another one follows. */
  #hasNext(close: number): boolean {
    const code = this.#next();
    if (code !== close && code !== COMMA) this.#fail(`"," or "${String.fromCharCode(close)}"`);
    this.#at++;
    return code === COMMA;
  }

  #array(depth: number): unknown[] {
    this.#enter(depth);
    const array: unknown[] = [];
    if (this.#skipEnd(0x5d)) return array;
    do {
      this.#tokens[depth] = array.length;
      array.push(this.#value(depth + 1));
    } while (this.#hasNext(0x5d));
    return array;
  }

  #object(depth: number): object {
    this.#enter(depth);
    let object: Record<string, unknown> = {};
    if (this.#skipEnd(0x7d)) return object;
    do {
      if (this.#next() !== QUOTE) this.#fail('a name in double quotes');
      const start = this.#at;
      const name = this.#string();
      const isTaken = object[name] !== undefined;
      if (isTaken && Object.hasOwn(object, name)) {
        refuseText(this.#text, start, 'it once', { found: `the name ${quote(name)} again` });
      }
      this.#tokens[depth] = name;
      if (this.#next() !== 0x3a) this.#fail('":"');
      this.#at++;
      const value = this.#value(depth + 1);
      // Assigning a name that every object inherits, such as `__proto__`, may not create a member.
      if (isTaken) object = { ...object, [name]: value };
      else object[name] = value;
    } while (this.#hasNext(0x7d));
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
      } else if (code < 0x20) {
        this.#at = at;
        this.#fail('an escape');
      } else if (++at - start > LOOP_CHARS) {
        PLAIN_RUN.lastIndex = at;
        PLAIN_RUN.test(text);
        at = PLAIN_RUN.lastIndex;
      }
    }
    this.#at = length;
    return this.#fail("'\"'");
  }

  /** Returns the end of the escape at an index. */
  #escape(at: number): number {
    if ('"\\/bfnrt'.includes(this.#text[at + 1] ?? '-')) return at + 2;
    UNICODE_ESCAPE.lastIndex = at;
    if (UNICODE_ESCAPE.test(this.#text)) return UNICODE_ESCAPE.lastIndex;
    this.#at = at;
    return this.#fail('an escape, surrogates in pairs');
  }
}
