import type { Content } from '../hash/content.js';
import { digestAll } from '../hash/sha256-batch.js';
import { KEY_PREFIX, type Key, toKeys } from './key.js';
import type { KeyFormatOptions } from './key-format.js';
import { formatOf } from './sha256-hex.js';

/**
 * Returns the keys of many contents, in their order. It equals `sha256Hex` of each, and is faster
 * for short contents, which are digested four at a time.
 *
 * @throws {TypeError} and {RangeError} as `sha256Hex`. The message has the index of the wrong
 * content.
 * @example
 * sha256HexBatch(['abc', 'b'], { bits: 128 })[0]; // 'ik_ba7816bf8f01cfea414140de5dae2223'
 */
export function sha256HexBatch(contents: readonly Content[], options?: KeyFormatOptions): Key[] {
  const { bits, hmac } = formatOf(options);
  return toKeys(digestAll<string>(contents, KEY_PREFIX, hmac), bits);
}
