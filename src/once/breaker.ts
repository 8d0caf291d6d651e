import { monotonicMs } from '../runtime/runtime.js';
import type { Store } from '../store/store.js';

/** A claim that tries a silent store again waits for this part of `storeTimeoutMs`. */
const TRIAL = 1 / 20;

/**
 * A circuit breaker for claims on one store. After a claim that the store did not answer in time,
 * callers with `onStoreError: 'run'` no longer wait for it. Once per `storeTimeoutMs` one of them tries
 * it again, for a short time. Any answer, however late, ends that.
 *
 * An error that comes at once opens nothing: to ask again costs no time, and protects the next run.
 */
class Breaker {
  /** Why no caller waits now. */
  failure: { readonly cause: unknown } | undefined;
  #triedAt = 0;
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** Returns how long the next caller may wait for a claim; 0 if it does not ask. */
  limitMs(storeTimeoutMs: number): number {
    if (this.failure === undefined) return storeTimeoutMs;
    const nowMs = monotonicMs();
    if (nowMs - this.#triedAt < storeTimeoutMs) return 0;
    this.#triedAt = nowMs;
    return Math.ceil(storeTimeoutMs * TRIAL);
  }

  /** A claim that was sent at `askedAt` failed. */
  open(cause: unknown, askedAt: number, storeTimeoutMs: number): void {
    const nowMs = monotonicMs();
    // The store has come back meanwhile.
    if (this.#answeredAt >= askedAt) return;
    if (nowMs - askedAt < storeTimeoutMs * TRIAL) return;
    this.failure = { cause };
    this.#triedAt = nowMs;
  }

  /** The store answered a claim. */
  close(): void {
    this.failure = undefined;
    this.#answeredAt = monotonicMs();
  }
}

const breakers = new WeakMap<Store, Breaker>();

/** Returns the breaker of a store, which every `once` of this process on that store shares. */
export function breakerOf(store: Store): Breaker {
  let breaker = breakers.get(store);
  if (breaker === undefined) {
    breaker = new Breaker();
    breakers.set(store, breaker);
  }
  return breaker;
}
