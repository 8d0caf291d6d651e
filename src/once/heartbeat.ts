import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import { RENEWALS_PER_LEASE } from './options.js';

/** The request whose run a caller waited for is gone. */
export class RequestGoneError extends Error {}

/**
 * Tells whether the request that started a run still exists, on a platform that binds promises and
 * timers to requests. If the client of that request disconnects, the run stops where it is and its
 * promise never settles. So the run has a timer of its own that beats, and whoever waits in another
 * request goes by that: silence for a whole lease means that the run is gone. Then the store decides.
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

  get isGone(): boolean {
    return this.#leftMs <= 0;
  }

  /** The promise of the run; rejects with `RequestGoneError` if its request is gone before. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let timer: Timer | undefined;
    const gone = new Promise<never>((_, reject) => {
      const look = () => {
        if (this.isGone) reject(new RequestGoneError());
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

  /** How long it may still be silent. */
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
