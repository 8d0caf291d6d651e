import { type Content, toContent } from '../hash/content.js';
import type { Batch } from './batch.js';
import { BATCH_BYTES } from './line-batches.js';

/** Maximum UTF-8 bytes per UTF-16 code unit. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * Yields texts in blocks of up to 1 MiB, or smaller, so that each of `threads` gets some. Texts are
 * checked here, where their index is known and lone surrogates have not been replaced.
 */
export function* textBatches(
  texts: readonly Content[],
  threads: number,
): Generator<Batch, void, undefined> {
  const contents = texts.map((text, i) => toContent(text, `make a key of text ${i}`));
  const total = contents.reduce((sum, { length }) => sum + length, 0);
  const wanted = Math.min(BATCH_BYTES, Math.ceil(total / threads));
  for (let first = 0; first < contents.length; ) {
    let count = 0;
    let length = 0;
    let room = 0;
    do {
      const content = contents[first + count] as string | Uint8Array;
      length += content.length;
      room += content.length * (typeof content === 'string' ? MAX_BYTES_PER_UNIT : 1);
      count++;
    } while (first + count < contents.length && length < wanted);
    yield packed(contents.slice(first, first + count), room);
    first += count;
  }
}

function packed(contents: readonly (string | Uint8Array)[], room: number): Batch {
  const bytes = new Uint8Array(room);
  const encoder = new TextEncoder();
  let at = 0;
  const ends = Uint32Array.from(contents, (content) => {
    if (typeof content === 'string') {
      at += encoder.encodeInto(content, bytes.subarray(at)).written;
    } else {
      bytes.set(content, at);
      at += content.length;
    }
    return at;
  });
  return { bytes: bytes.subarray(0, at), ends };
}
