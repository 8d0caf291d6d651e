import type { Bytes } from '../engine/engine.js';
import { fail, nameOf } from '../errors/errors.js';
import { DigestBatch } from './batch.js';
import { type Content, isWellFormed, toContent } from './content.js';
import type { HmacKey } from './hmac.js';

/** Returns the digests of a list of contents, as `DigestBatch` does. */
export function digestAll<T extends string | Uint8Array>(
  contents: readonly Content[],
  prefix: string | undefined,
  hmac: HmacKey | undefined,
): T[] {
  requireList(contents, 'digest the contents');
  const batch = new DigestBatch<T>(prefix, hmac);
  for (let i = 0; i < contents.length; i++) {
    const content = contents[i];
    // Most contents are valid. Building the text for an error message first would be wasted.
    const isGood =
      typeof content === 'string'
        ? isWellFormed(content)
        : content instanceof Uint8Array && content.length > 0;
    batch.add(
      isGood ? (content as string | Uint8Array) : toContent(content, `digest content ${i}`),
    );
  }
  return batch.finish();
}

/** Throws unless `list` is an array. */
export function requireList(list: unknown, action: string): void {
  if (Array.isArray(list)) return;
  fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot ${action}: it is ${nameOf(list)}, wanted an array`,
  );
}

/**
 * Returns the SHA-256 of each content, in their order. It equals `sha256` of each, and is faster
 * with WebAssembly, which digests four contents at a time.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT`, `SAMEKEY_LONE_SURROGATE`, as `sha256`. The message
 * has the index of the wrong content.
 * @example
 * sha256Batch(['abc', 'abd']).map((digest) => digest[0]); // [186, 165]
 */
export function sha256Batch(contents: readonly Content[]): Bytes[] {
  return digestAll(contents, undefined, undefined);
}
