import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import type { OnceSettings } from './options.js';

/** How long to wait before a release is tried again: at first, and at most. */
const FIRST_WAIT_MS = 100;
const LAST_WAIT_MS = 10_000;
/** Where the store is down for all, so many claims at most are given back more than once. */
const MAX_PENDING = 1000;

/**
 * Claims that nobody uses, and that the store may hold: they are released again and again until the
 * store says so. One release would not do. If it is lost, a key whose function was never called
 * stays blocked: for a whole lease, or for good where an unknown outcome is held.
 */
export class GiveBacks {
  readonly #release: (key: string, owner: string) => Promise<boolean>;
  readonly #leaseMs: number;
  /** With `onUnknown: 'retry'` the next caller needs no release once the lease has run out. */
  readonly #patienceMs: number;
  readonly #pending = new Set<Promise<void>>();
  readonly #sleeping = new Set<() => void>();
  #isClosed = false;

  constructor(
    release: (key: string, owner: string) => Promise<boolean>,
    { leaseMs, onUnknown }: OnceSettings,
  ) {
    this.#release = release;
    this.#leaseMs = leaseMs;
    this.#patienceMs = onUnknown === 'retry' ? leaseMs : Number.POSITIVE_INFINITY;
  }

  /**
   * Releases the claim of `owner`; resolves after the first try, whose failure `onError` is told.
   * `mayComeLate` if the store may not have seen the claim yet: then it is asked again though there
   * was nothing to release.
   */
  start(
    key: string,
    owner: string,
    mayComeLate: boolean,
    onError: (error: unknown) => void = () => {},
  ): Promise<void> {
    return new Promise((resolve) => {
      let isTried = false;
      const work = this.#giveBack(key, owner, mayComeLate, (failure) => {
        if (isTried) return;
        isTried = true;
        if (failure !== undefined) onError(failure.error);
        resolve();
      });
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

  async #giveBack(
    key: string,
    owner: string,
    mayComeLate: boolean,
    onTried: (failure?: { readonly error: unknown }) => void,
  ): Promise<void> {
    const startedAt = monotonicMs();
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)) {
      // What is tried after `close` is the last try.
      const isLast = this.#isClosed;
      let isReleased: boolean | undefined;
      try {
        isReleased = await this.#release(key, owner);
        onTried();
      } catch (error) {
        onTried({ error });
      }
      if (isReleased || isLast || this.#pending.size > MAX_PENDING) return;
      const passedMs = monotonicMs() - startedAt;
      const patienceMs = isReleased === undefined ? this.#patienceMs : this.#leaseMs;
      if (passedMs >= patienceMs || (isReleased === false && !mayComeLate)) return;
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
