import { clearTimer, setTimer } from '../runtime/runtime.js';
import type { GuardedStore } from './guarded-store.js';

/** The interval of polling: at first, and at most. */
const FIRST_POLL_MS = 20;
const MAX_POLL_MS = 1000;
/** The interval if the store notifies, in case a notification is lost. */
const WATCHED_POLL_MS = 5000;

/** Waits for a record to change: by the store's notification, or by polling at growing intervals. */
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
   * Waits for a change, at most `maxMs`. The first call subscribes and returns at once, because the
   * record may have changed before the subscription.
   */
  async next(maxMs: number): Promise<void> {
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
    this.#pollMs = Math.min(2 * this.#pollMs, MAX_POLL_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimer(resolve, Math.max(1, Math.min(maxMs, pollMs)));
      this.#wake = () => {
        clearTimer(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    this.#hasChanged = false;
  }

  /** Ends the current wait. */
  wake(): void {
    this.#hasChanged = true;
    this.#wake?.();
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
  }
}
