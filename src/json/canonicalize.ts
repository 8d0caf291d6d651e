import type { Bytes } from '../engine/engine.js';
import { decoder } from '../engine/utf8.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { own } from '../options/own.js';
import { type CanonicalSink, writeCanonical } from './write.js';
import { DEFAULT_MAX_DEPTH, LARGEST_MAX_DEPTH, type WriteOptions, writeOptions } from './writer.js';

/** The options of `canonicalize` and `canonicalBytes`. */
export interface CanonicalizeOptions {
  /** Maximum nesting of arrays and objects, 1 to 1500. Default: 1000. */
  readonly maxDepth?: number;
}

function toWriteOptions(options: CanonicalizeOptions | undefined): WriteOptions {
  if (options !== undefined) requireMembers(options, ['maxDepth'], 'options');
  return writeOptions(toMaxDepth(options && own(options, 'maxDepth')));
}

/** Checks `maxDepth`. */
export function toMaxDepth(maxDepth: unknown): number {
  if (maxDepth === undefined) return DEFAULT_MAX_DEPTH;
  if (typeof maxDepth !== 'number') {
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use maxDepth: it is ${nameOf(maxDepth)}, wanted a number`,
    );
  }
  if (!Number.isInteger(maxDepth) || maxDepth < 1 || maxDepth > LARGEST_MAX_DEPTH) {
    fail(
      RangeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use maxDepth ${maxDepth}: wanted a whole number from 1 to ${LARGEST_MAX_DEPTH}`,
    );
  }
  return maxDepth;
}

/** Returns the part of `value` that `options` select as canonical text. */
export function canonicalText(value: unknown, options: WriteOptions): string {
  return writeCanonical(value, options, new TextSink());
}

class TextSink implements CanonicalSink<string> {
  #text = '';

  chunk(bytes: Uint8Array, start: number, end: number): void {
    const piece = decoder.decode(bytes.subarray(start, end));
    try {
      this.#text += piece;
    } catch {
      fail(
        RangeError,
        'SAMEKEY_TOO_LONG',
        'Cannot canonicalize the value as text: it is longer than text can be on this platform, wanted canonicalBytes',
      );
    }
  }

  last(bytes: Uint8Array, start: number, end: number): string {
    this.chunk(bytes, start, end);
    return this.#text;
  }
}

/**
 * Returns the canonical JSON (RFC 8785) of a value as text: members sorted by UTF-16 code units, no
 * white space, numbers and escapes as ECMAScript prints them. Like `JSON.stringify`, it calls
 * `toJSON` and leaves out members that are `undefined`.
 *
 * @throws {TypeError} `SAMEKEY_NOT_JSON` for `undefined` (except as a member), functions, symbols,
 * `BigInt`, `Map`, `Set`, typed arrays, invalid dates and other objects whose content is not in
 * members, such as instances of classes with private fields or accessors and without `toJSON`;
 * `SAMEKEY_LONE_SURROGATE`; `SAMEKEY_CYCLE`.
 * @throws {RangeError} `SAMEKEY_NOT_FINITE` for `NaN` and infinities; `SAMEKEY_TOO_DEEP` beyond
 * `maxDepth`. These errors have the JSON Pointer of the value as `path`. `SAMEKEY_TOO_LONG` if the
 * text is longer than the platform can hold.
 * @example
 * canonicalize({ b: [1e21, -0], a: 'é\n' }); // '{"a":"é\\n","b":[1e+21,0]}'
 */
export function canonicalize(value: unknown, options?: CanonicalizeOptions): string {
  return canonicalText(value, toWriteOptions(options));
}

/**
 * Returns the canonical JSON (RFC 8785) of a value as UTF-8 bytes. Throws the errors of
 * `canonicalize`.
 *
 * @example
 * canonicalBytes({ a: 1 }); // Uint8Array [123, 34, 97, 34, 58, 49, 125]
 */
export function canonicalBytes(value: unknown, options?: CanonicalizeOptions): Bytes {
  return writeCanonical(value, toWriteOptions(options), new BytesSink());
}

export class BytesSink implements CanonicalSink<Bytes> {
  readonly #chunks: Bytes[] = [];

  chunk(bytes: Uint8Array, start: number, end: number): void {
    this.#chunks.push(bytes.slice(start, end));
  }

  last(bytes: Uint8Array, start: number, end: number): Bytes {
    if (this.#chunks.length === 0) return bytes.slice(start, end);
    this.chunk(bytes, start, end);
    const whole = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }
}
