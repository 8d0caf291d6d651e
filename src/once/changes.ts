import { clearTimer, setTimer } from '../runtime/runtime.js';
import type { GuardedStore } from './guarded-store.js';

/** How long to wait before the store is asked again: at first, and at most. */
const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 1000;
/** The same where the store tells, in case it does not. */
const WATCHED_POLL_MS = 5000;

/** Waits for a record to change: told by the store where it can tell, else by asking it ever less often. */
export class Changes {
  readonly #store: GuardedStore;
  readonly #key: string;
  #pollMs = FIRST_POLL_MS;
  #end: (() => void) | undefined;
  #hasEnd: boolean | undefined;
  #hasChanged = false;
  #wake: (() => void) | undefined;

  constructor(store: GuardedStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /**
   * Waits for a change, or `mostMs`. The first call returns at once where the store tells: what
   * changed before it was asked to was told to nobody.
   */
  async next(mostMs: number): Promise<void> {
    if (this.#hasEnd === undefined) {
      this.#end = await this.#store.watch(this.#key, () => this.wake());
      this.#hasEnd = this.#end !== undefined;
      if (this.#hasEnd) return;
    }
    if (this.#hasChanged) {
      this.#hasChanged = false;
      return;
    }
    const pollMs = this.#hasEnd ? WATCHED_POLL_MS : this.#pollMs;
    this.#pollMs = Math.min(2 * this.#pollMs, LAST_POLL_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimer(resolve, Math.max(1, Math.min(mostMs, pollMs)));
      this.#wake = () => {
        clearTimer(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    this.#hasChanged = false;
  }

  /** Ends the wait that is under way. */
  wake(): void {
    this.#hasChanged = true;
    this.#wake?.();
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
  }
}
