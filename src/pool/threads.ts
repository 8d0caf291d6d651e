import { createRequire } from 'node:module';
import type { Piscina as PiscinaClass } from 'piscina';
import { fail } from '../errors/errors.js';
import type { Batch, KeyBlock, Work } from './batch.js';

/** Beside this file's folder in `dist`, whichever file of the package this is bundled into. */
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
      'Cannot start the threads: the package piscina is not there, wanted npm install piscina',
    );
  }
  return requireHere('piscina').Piscina;
}

/** Threads that are started when there is work, and again after one of them has died. */
export class Threads {
  readonly #Piscina = loadPiscina();
  readonly #count: number;
  #started: PiscinaClass | undefined;
  readonly #underWay = new Set<Promise<unknown>>();
  /** What ended the threads that are no more. */
  readonly #causes = new WeakMap<PiscinaClass, unknown>();
  #isClosed = false;

  constructor(count: number) {
    this.#count = count;
  }

  /** The batch's bytes are gone afterwards: the other thread has them. */
  async run(batch: Batch, work: Work): Promise<KeyBlock> {
    this.requireOpen();
    this.#started ??= this.#start();
    const threads = this.#started;
    const transferList = [batch.bytes.buffer, ...(batch.ends ? [batch.ends.buffer] : [])];
    const result = threads.run({ batch, work }, { transferList });
    this.#underWay.add(result);
    try {
      return await result;
    } catch (error) {
      throw this.#end(threads, error);
    } finally {
      this.#underWay.delete(result);
    }
  }

  requireOpen(): void {
    if (!this.#isClosed) return;
    fail(Error, 'SAMEKEY_BAD_STATE', 'Cannot use the pool: it was closed, wanted an open one');
  }

  /** Lets what is under way end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
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
    // The next turn, because the work that a dead thread had is told first, and knows the cause.
    const end = (cause: unknown) => setImmediate(() => this.#end(threads, cause));
    threads.on('error', end);
    threads.on('workerDestroy', () => end(new Error('A thread of the pool has ended')));
    return threads;
  }

  /**
   * Ends all threads when one has died, since the work that is queued for it would wait for ever;
   * returns what it died of.
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
