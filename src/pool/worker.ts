import { activeEngine, useEngine } from '../index.js';
import type { Batch, KeyBlock, Work } from './batch.js';
import { keysOfBatch } from './keys-of-batch.js';

/** What a thread does with what it is sent. */
export default function run({ batch, work }: { batch: Batch; work: Work }): KeyBlock {
  if (activeEngine().choice !== work.engine) useEngine(work.engine);
  return keysOfBatch(batch, work);
}
