import type { Batch, KeyBlock, Work } from './batch.js';
import { inOrder } from './in-order.js';
import { keysOfBatch } from './keys-of-batch.js';
import { lineBatches } from './line-batches.js';

/** Makes the keys of a batch, in this thread or in another one. */
export type RunBatch = (batch: Batch, work: Work) => Promise<KeyBlock>;

/** The keys of consecutive lines of a stream. */
export interface LineBlock extends KeyBlock {
  /** The number of the first line, from 1. */
  readonly firstLine: number;
  /** Bytes of the stream up to the end of these lines. */
  readonly byteCount: number;
}

/** Makes the keys in the calling thread. */
export const runHere: RunBatch = async (batch, work) => keysOfBatch(batch, work);

/** Yields the keys of the lines of a stream, block by block and in order. */
export async function* keyBlocks(
  pieces: AsyncIterable<unknown> | Iterable<unknown>,
  run: RunBatch,
  work: Work,
  threads: number,
): AsyncGenerator<LineBlock, void, undefined> {
  let firstLine = 1;
  let bytesSoFar = 0;
  const results = inOrder(
    lineBatches(pieces, work.maxLineBytes),
    (batch) => run(batch, work),
    threads,
  );
  for await (const { result, byteCount } of results) {
    bytesSoFar += byteCount;
    yield { ...result, firstLine, byteCount: bytesSoFar };
    firstLine += result.itemCount;
  }
}
