import { activeEngine, useEngine } from '../index.js';
import type { Batch, KeyBlock, Work } from './batch.js';
import { keysOfBatch } from './keys-of-batch.js';

/** The entry point of a thread: makes the keys of a batch. */
export default function run({ batch, work }: { batch: Batch; work: Work }): KeyBlock {
  if (activeEngine().choice !== work.engine) useEngine(work.engine);
  return keysOfBatch(batch, work);
}
