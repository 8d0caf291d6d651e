/**
 * JSON lines without a file: one block, repeated, so that neither the disk is measured nor a gigabyte
 * is kept in memory.
 */
import { createHash } from 'node:crypto';
import { mixedBodies } from '../groups/batch-json.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';

/** The chunk size of a file stream in Node. A line can begin in one chunk and end in the next. */
const CHUNK_BYTES = 64 * 1024;

const bodies = mixedBodies(7, 2000);
const block = Buffer.concat(bodies.flatMap((body) => [body, Buffer.from('\n')]));

export const blockBytes = block.length;
export const blockLines = bodies.length;

/**
 * @param {number} blockCount
 * @returns {AsyncGenerator<Uint8Array<ArrayBuffer>>} copies, as from a file
 */
export async function* jsonLines(blockCount) {
  for (let i = 0; i < blockCount; i++) {
    for (let at = 0; at < block.length; at += CHUNK_BYTES) {
      yield new Uint8Array(block.subarray(at, at + CHUNK_BYTES));
    }
  }
}

/**
 * @param {number} blockCount
 * @returns {string} the digest of all keys, one key a line
 */
export function expectedDigest(blockCount) {
  const keys = bodies.map(
    (body) => `ik_${sha256Hex(canonicalText(JSON.parse(body.toString())))}\n`,
  );
  const hash = createHash('sha256');
  for (let i = 0; i < blockCount; i++) hash.update(keys.join(''));
  return hash.digest('hex');
}
