import { parse, stringify } from 'devalue';
import { decoder, encoder } from '../engine/utf8.js';
import { canonicalBytes } from '../index.js';

/** How a result becomes bytes, and bytes a result. Its name is kept with the bytes. */
export interface Codec {
  readonly name: string;
  /** Throws for what it could not give back. */
  encode(value: unknown): Uint8Array;
  decode(payload: Uint8Array): unknown;
}

/**
 * JSON, and `undefined` for a function that returns nothing. What JSON would silently change or
 * leave out of an array (`NaN`, a `Map`, bytes, `undefined`) is refused; an object with a `toJSON`,
 * such as a `Date`, comes back as what that gave.
 */
export const jsonCodec: Codec = {
  name: 'json',
  encode(value) {
    if (value === undefined) return new Uint8Array();
    // Refuses what is no JSON value, with its path; the order of members stays as it is.
    canonicalBytes(value);
    return encoder.encode(JSON.stringify(value));
  },
  decode(payload) {
    return payload.length === 0 ? undefined : JSON.parse(decoder.decode(payload));
  },
};

/**
 * JavaScript values beyond JSON: `Uint8Array` and other bytes, `Date`, `Map`, `Set`, `BigInt`,
 * `undefined`, `NaN`, and references that are repeated or go in circles.
 *
 * @example
 * const { encode, decode } = richCodec;
 * decode(encode(new Map([['at', new Date(0)]]))).get('at').getTime(); // 0
 */
export const richCodec: Codec = {
  name: 'rich',
  encode: (value) => encoder.encode(stringify(value)),
  decode: (payload) => parse(decoder.decode(payload)),
};
