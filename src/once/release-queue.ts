import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';

/** The wait before a release is repeated: at first, and at most. */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 10_000;
/** If the store is down, at most this many releases are repeated. */
const MAX_PENDING = 1000;

export interface ReleaseOptions {
  /** How long the release is repeated while the store fails. */
  readonly retryForMs: number;
  /** How long it is repeated while the store has no such claim, because the claim may arrive later. */
  readonly lateMs?: number;
  /** Called with the first failure. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Releases claims that the store may hold and that no run uses. A release is repeated until the store
 * confirms it. Otherwise a lost release would block a key whose function never ran: for a whole lease,
 * or for ever with `onUnknown: 'hold'`.
 */
export class ReleaseQueue {
  readonly #pending = new Set<Promise<void>>();
  readonly #sleeping = new Set<() => void>();
  #isClosed = false;

  /** Calls `release` until it returns `true`; resolves after the first call. Does nothing once closed. */
  start(release: () => Promise<boolean>, options: ReleaseOptions): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const work = this.#repeat(release, options, resolve);
      this.#pending.add(work);
      work.then(() => this.#pending.delete(work));
    });
  }

  /** Ends all waits: every pending release is tried a last time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#sleeping) wake();
    await Promise.all(this.#pending);
  }

  async #repeat(
    release: () => Promise<boolean>,
    { retryForMs, lateMs = 0, onError }: ReleaseOptions,
    onTried: () => void,
  ): Promise<void> {
    const startedAt = monotonicMs();
    let isFirst = true;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      const isLast = this.#isClosed;
      let maxMs = retryForMs;
      try {
        if (await release()) return onTried();
        maxMs = lateMs;
      } catch (error) {
        if (isFirst) onError?.(error);
      }
      isFirst = false;
      onTried();
      const isOver = monotonicMs() - startedAt >= maxMs;
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
      // Do not keep the process alive: the lease runs out without it.
      timer.unref?.();
    });
  }
}
