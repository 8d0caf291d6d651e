import { fail, nameOf, quote } from '../errors/errors.js';

/** `ik_` and 64 lower-case hexadecimal digits, or 32 of them (`bits: 128`). */
export type Key = `ik_${string}`;

/** The number of bits of the digest that a key shows. */
export type KeyBits = 256 | 128;

/** The parts of a key, as returned by `parseKey`. */
export interface ParsedKey {
  /** The whole key. */
  readonly key: Key;
  /** 256 for a key of 64 digits, 128 for one of 32. */
  readonly bits: KeyBits;
  /** The digits after the prefix. */
  readonly hex: string;
}

const KEY = /^ik_(?:[0-9a-f]{64}|[0-9a-f]{32})$/;

/** The number of hexadecimal digits in a key, by its bits. */
export const HEX_DIGITS = { 256: 64, 128: 32 } as const;

export const KEY_PREFIX = 'ik_';

/** Returns the prefix and 64 digits of a digest as a key with `bits` bits. */
export function toKey(text: string, bits: KeyBits): Key {
  return (bits === 256 ? text : text.slice(0, KEY_PREFIX.length + HEX_DIGITS[128])) as Key;
}

/** Like `toKey`, for many. */
export function toKeys(texts: string[], bits: KeyBits): Key[] {
  return bits === 256 ? (texts as Key[]) : texts.map((text) => toKey(text, bits));
}

/**
 * Returns whether a value is a samekey key: `ik_` and 64 or 32 lower-case hexadecimal digits.
 *
 * @example
 * isKey('ik_ba7816bf8f01cfea414140de5dae2223'); // true
 * isKey('0190a0b2-5f1e-4c6e-9a9e-2f3d4c5b6a79'); // false
 */
export function isKey(value: unknown): value is Key {
  return typeof value === 'string' && KEY.test(value);
}

/**
 * Returns the parts of a key.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_KEY` with the first mistake and its `position`; `TypeError` if
 * `text` is not text.
 * @example
 * parseKey('ik_ba7816bf8f01cfea414140de5dae2223').bits; // 128
 */
export function parseKey(text: string): ParsedKey {
  if (isKey(text)) {
    const hex = text.slice(3);
    return { key: text, bits: hex.length === HEX_DIGITS[256] ? 256 : 128, hex };
  }
  if (typeof text !== 'string') {
    return fail(
      TypeError,
      'SAMEKEY_BAD_KEY',
      `Cannot parse the key: it is ${nameOf(text)}, wanted text`,
    );
  }
  const { what, position } = faultOf(text);
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_KEY',
    `Cannot parse the key ${quote(text)} at position ${position}: ${what}`,
    { position },
  );
}

/** Returns the first mistake in a text that is not a key. */
function faultOf(text: string): { what: string; position: number } {
  if (text === '') return { what: 'it is empty', position: 0 };
  if (!text.startsWith('ik_')) {
    return { what: `a key begins with "ik_"${guess(text)}`, position: 0 };
  }
  const digits = text.slice(3);
  const wrong = digits.search(/[^0-9a-f]/);
  if (wrong !== -1) {
    const char = JSON.stringify(String.fromCodePoint(digits.codePointAt(wrong) as number));
    const what = /[A-F]/.test(digits[wrong] as string)
      ? `${char} is an upper-case digit, keys are lower-case`
      : `${char} is not a hexadecimal digit`;
    return { what, position: wrong + 3 };
  }
  const { length } = digits;
  return {
    what: `a key has 64 or 32 digits after "ik_", this one has ${length}`,
    position: 3 + Math.min(length, HEX_DIGITS[256]),
  };
}

/** Returns a hint if the text looks like another kind of identifier. */
function guess(text: string): string {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) {
    return `, this is a version ${text[14]} UUID`;
  }
  if (/^"ik_.*"$/.test(text)) return ', this one stands in quotes';
  if (/^\s|\s$/.test(text)) return ', white space stands around this one';
  if (/^[0-9a-f]{64}$/i.test(text)) return ', this is a bare digest';
  return '';
}
