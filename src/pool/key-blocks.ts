import type { Batch, KeyBlock, Work } from './batch.js';
import { inOrder } from './in-order.js';
import { keysOfBatch } from './keys-of-batch.js';
import { lineBatches } from './line-batches.js';

/** Makes the keys of a batch, in this thread or in another. */
export type RunBatch = (batch: Batch, work: Work) => Promise<KeyBlock>;

/** The keys of some lines of a stream. */
export interface LineBlock extends KeyBlock {
  /** The number of its first line, from 1. */
  readonly firstLine: number;
  /** Of the stream, up to the end of these lines. */
  readonly byteCount: number;
}

/** In the thread that asks. */
export const runHere: RunBatch = async (batch, work) => keysOfBatch(batch, work);

/** The keys of a stream's lines, block by block, in the order of the lines. */
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
