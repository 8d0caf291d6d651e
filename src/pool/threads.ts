import { createRequire } from 'node:module';
import type { Piscina as PiscinaClass } from 'piscina';
import { fail } from '../errors/errors.js';
import type { Batch, KeyBlock, Work } from './batch.js';

/** The worker in `dist/pool`. The path is valid from every folder that this file is bundled into. */
const WORKER = new URL('../pool/worker.js', import.meta.url);

const requireHere = createRequire(import.meta.url);

/** Whether the package that starts the threads is installed. */
export function canStartThreads(): boolean {
  try {
    requireHere.resolve('piscina');
    return true;
  } catch {
    return false;
  }
}

function loadPiscina(): typeof PiscinaClass {
  if (!canStartThreads()) {
    fail(
      Error,
      'SAMEKEY_NO_POOL',
      'Cannot start the threads: the package piscina is not installed, wanted npm install piscina',
    );
  }
  return requireHere('piscina').Piscina;
}

/** Threads that start with the first batch, and again after one of them has died. */
export class Threads {
  readonly #Piscina = loadPiscina();
  readonly #count: number;
  #started: PiscinaClass | undefined;
  readonly #inProgress = new Set<Promise<unknown>>();
  /** The errors that ended earlier threads. */
  readonly #causes = new WeakMap<PiscinaClass, unknown>();
  #isClosed = false;

  constructor(count: number) {
    this.#count = count;
  }

  /** Runs a batch in a thread. Its bytes are transferred and are no longer available here. */
  async run(batch: Batch, work: Work): Promise<KeyBlock> {
    this.requireOpen();
    this.#started ??= this.#start();
    const threads = this.#started;
    const transferList = [batch.bytes.buffer, ...(batch.ends ? [batch.ends.buffer] : [])];
    const result = threads.run({ batch, work }, { transferList });
    this.#inProgress.add(result);
    try {
      return await result;
    } catch (error) {
      throw this.#end(threads, error);
    } finally {
      this.#inProgress.delete(result);
    }
  }

  requireOpen(): void {
    if (!this.#isClosed) return;
    fail(Error, 'SAMEKEY_BAD_STATE', 'Cannot use the pool: it was closed, wanted an open one');
  }

  /** Waits for the batches in progress, then ends the threads. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#inProgress);
    const threads = this.#started;
    this.#started = undefined;
    await threads?.destroy();
  }

  #start(): PiscinaClass {
    const threads = new this.#Piscina({
      filename: WORKER.href,
      minThreads: this.#count,
      maxThreads: this.#count,
      recordTiming: false,
    });
    // In the next turn, because the batch of the dead thread rejects first, with the cause.
    const end = (cause: unknown) => setImmediate(() => this.#end(threads, cause));
    threads.on('error', end);
    threads.on('workerDestroy', () => end(new Error('A thread of the pool has ended')));
    return threads;
  }

  /**
   * Ends all threads after one has died: the batches queued for it would wait without end. Returns
   * the cause of its death.
   */
  #end(threads: PiscinaClass, error: unknown): unknown {
    if (this.#started === threads) {
      this.#started = undefined;
      this.#causes.set(threads, error);
      void threads.destroy();
    }
    return this.#causes.get(threads) ?? error;
  }
}
