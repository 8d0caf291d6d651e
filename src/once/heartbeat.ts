import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import { RENEWALS_PER_LEASE } from './options.js';

/** The request that started a run has ended, and the run with it. */
export class RequestGoneError extends Error {}

/**
 * Shows whether the request that started a run still exists, on a platform that binds promises and
 * timers to requests. If the client of that request disconnects, the run stops and its promise never
 * settles. So the run beats with a timer of its own. A waiter in another request that observes no beat
 * for a whole lease treats the run as ended, and asks the store.
 */
export class Heartbeat {
  readonly #leaseMs: number;
  #beatAt = monotonicMs();
  #timer: Timer | undefined;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
    this.#schedule();
  }

  stop(): void {
    clearTimer(this.#timer);
  }

  get hasEnded(): boolean {
    return this.#leftMs <= 0;
  }

  /** Settles as the promise does, or rejects with `RequestGoneError` if the request ends first. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let timer: Timer | undefined;
    const gone = new Promise<never>((_, reject) => {
      const look = () => {
        if (this.hasEnded) reject(new RequestGoneError());
        else timer = setTimer(look, this.#leftMs);
      };
      look();
    });
    try {
      return await Promise.race([promise, gone]);
    } finally {
      clearTimer(timer);
    }
  }

  /** The time until a missing beat counts as the end. */
  get #leftMs(): number {
    return this.#beatAt + this.#leaseMs - monotonicMs();
  }

  #schedule(): void {
    this.#timer = setTimer(() => {
      this.#beatAt = monotonicMs();
      this.#schedule();
    }, this.#leaseMs / RENEWALS_PER_LEASE);
  }
}
