import { type EngineChoice, useEngine } from '../index.js';
import type { Batch, KeyBlock, Work } from './batch.js';
import { keysOfBatch } from './keys-of-batch.js';

/** Kept here, because `activeEngine` loads every engine, which takes 4 to 6 ms in a new thread. */
let engine: EngineChoice | undefined;

/** The entry point of a thread: makes the keys of a batch. */
export default function run({ batch, work }: { batch: Batch; work: Work }): KeyBlock {
  if (engine !== work.engine) {
    useEngine(work.engine);
    engine = work.engine;
  }
  return keysOfBatch(batch, work);
}
