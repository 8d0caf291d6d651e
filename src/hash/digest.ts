import type { Bytes } from '../engine/engine.js';
import { digestEngine } from '../engine/select.js';
import { type Content, toBytes } from './content.js';

/**
 * Returns the SHA-256 of bytes, or of the UTF-8 bytes of a text: 32 bytes (FIPS 180-4 §6.2).
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if `content` is neither text nor bytes,
 * `SAMEKEY_LONE_SURROGATE` if it is text that is not valid Unicode.
 * @example
 * sha256('abc').slice(0, 4); // Uint8Array [186, 120, 22, 191]
 */
export function sha256(content: Content): Bytes {
  const bytes = toBytes(content, 'hash the content');
  return digestEngine().sha256(bytes, 0, bytes.length);
}

/**
 * Returns the SHA-1 of bytes, or of the UTF-8 bytes of a text: 20 bytes (FIPS 180-4 §6.1). It
 * exists because UUIDv5 is defined by it; do not use SHA-1 for anything new.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT`, `SAMEKEY_LONE_SURROGATE`, as `sha256`.
 * @example
 * sha1('abc').slice(0, 4); // Uint8Array [169, 153, 62, 54]
 */
export function sha1(content: Content): Bytes {
  return digestEngine().sha1(toBytes(content, 'hash the content'));
}
