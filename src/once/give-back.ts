import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';

/** How long to wait before a release is tried again: at first, and at most. */
const FIRST_WAIT_MS = 100;
const LAST_WAIT_MS = 10_000;
/** Where the store is down for all, so many claims at most are given back more than once. */
const MAX_PENDING = 1000;

export interface Insistence {
  /** For how long a store that fails is asked. */
  readonly patienceMs: number;
  /** For how long it is asked though it has no such claim: it may not have seen the claim yet. */
  readonly lateMs?: number;
  /** Is told of the first failure. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Claims that nobody uses, and that the store may hold: it is asked to give each up again and again,
 * until it says so. To ask once would not do. If that is lost, a key whose function was never called
 * stays blocked: for a whole lease, or for good where an unknown outcome is held.
 */
export class GiveBacks {
  readonly #pending = new Set<Promise<void>>();
  readonly #sleeping = new Set<() => void>();
  #isClosed = false;

  /** Calls `ask` until it gives `true`; resolves after the first time. Once closed it does nothing. */
  start(ask: () => Promise<boolean>, insistence: Insistence): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const work = this.#insist(ask, insistence, resolve);
      this.#pending.add(work);
      work.then(() => this.#pending.delete(work));
    });
  }

  /** Ends all waiting: each is tried once more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#sleeping) wake();
    await Promise.all(this.#pending);
  }

  async #insist(
    ask: () => Promise<boolean>,
    { patienceMs, lateMs = 0, onError }: Insistence,
    onTried: () => void,
  ): Promise<void> {
    const startedAt = monotonicMs();
    let isFirst = true;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)) {
      // What is tried after `close` is the last try.
      const isLast = this.#isClosed;
      let mostMs = patienceMs;
      try {
        if (await ask()) return onTried();
        mostMs = lateMs;
      } catch (error) {
        if (isFirst) onError?.(error);
      }
      isFirst = false;
      onTried();
      const isOver = monotonicMs() - startedAt >= mostMs;
      if (isLast || isOver || this.#pending.size > MAX_PENDING) return;
      await this.#sleep(waitMs);
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const wake = () => {
        clearTimer(timer);
        this.#sleeping.delete(wake);
        resolve();
      };
      this.#sleeping.add(wake);
      timer = setTimer(wake, ms);
      // A process that has nothing else to do may end: the lease runs out by itself.
      timer.unref?.();
    });
  }
}
