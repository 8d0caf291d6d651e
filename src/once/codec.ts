import { parse, stringify } from 'devalue';
import { decoder, encoder } from '../engine/utf8.js';
import { canonicalBytes } from '../index.js';
import { own } from '../options/own.js';
import type { Fault } from '../options/spec.js';

/** Converts results to bytes and back. The store keeps its name with the bytes. */
export interface Codec {
  /** Identifies the format. A stored result is decoded by the codec that has this name. */
  readonly name: string;
  /** Throws for a value that `decode` could not return. */
  encode(value: unknown): Uint8Array;
  /** Returns the value that `encode` was given. */
  decode(payload: Uint8Array): unknown;
}

/**
 * The codec of one of samekey's products, which reads nothing else: a result of `jsonCodec` under one of its
 * keys is that of another program. Nobody changes the bytes that it returns or is given, so they are not
 * copied.
 */
export interface OwnCodec extends Codec {
  readonly isOwn: true;
}

/** Whether it is the codec of a product. */
export const isOwnCodec = (codec: Codec): boolean => own(codec as OwnCodec, 'isOwn') === true;

/** Whether it is a codec of samekey, which reads what it wrote, and neither keeps nor changes bytes. */
export const isOurs = (codec: Codec): boolean =>
  codec === jsonCodec || codec === richCodec || isOwnCodec(codec);

/**
 * JSON, and `undefined` for a function that returns nothing. Values that JSON would lose (`NaN`, a
 * `BigInt`, a `Map`, bytes, `undefined` in an array) are refused. Every caller, the first one too,
 * receives what JSON returns: the value of `toJSON` for an object that has this method, such as a
 * `Date`, an object without its `undefined` members, and 0 for -0.
 */
export const jsonCodec: Codec & { readonly name: 'json' } = {
  name: 'json',
  encode(value) {
    if (value === undefined) return new Uint8Array();
    // Refuses a value that is not JSON, with its path. The order of members is kept.
    canonicalBytes(value);
    return encoder.encode(JSON.stringify(value));
  },
  decode(payload) {
    return payload.length === 0 ? undefined : JSON.parse(decoder.decode(payload));
  },
};

/**
 * JavaScript values beyond JSON: `Uint8Array` and other bytes, `Date`, `Map`, `Set`, `BigInt`,
 * `undefined`, `NaN`, repeated references and cycles.
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

/** Checks that an option is a codec. */
export function faultOfCodec(given: unknown): Fault | undefined {
  const { name, encode, decode } = (given ?? {}) as Partial<Codec>;
  const isCodec =
    typeof name === 'string' && typeof encode === 'function' && typeof decode === 'function';
  return isCodec ? undefined : [TypeError, 'is no codec'];
}
