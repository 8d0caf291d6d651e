import type { ClaimRequest, ClaimResult, Completion, Store, StoreRecord } from '../store/store.js';
import { Alarms } from './alarms.js';
import { storeFailed } from './errors.js';

export type StoreAction = 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';

/**
 * A store that answers or fails, within a time: a promise that never settles, or a function that
 * throws before there is one, becomes an error like any other.
 */
export class GuardedStore {
  readonly #store: Store;
  readonly #timeoutMs: number;
  readonly #timeouts: Alarms;
  readonly #onError: (key: string, action: StoreAction, error: unknown) => void;

  constructor(
    store: Store,
    timeoutMs: number,
    onError: (key: string, action: StoreAction, error: unknown) => void,
  ) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
    this.#timeouts = new Alarms(timeoutMs);
    this.#onError = onError;
  }

  /**
   * A claim that nobody waits for any longer, or whose reply was lost, is given back if
   * `isGivenBack`: whoever comes next should not wait for it, either. One that may have taken over a
   * record that tells something is not: its lease ends by itself.
   */
  async claim(key: string, request: ClaimRequest, isGivenBack: boolean): Promise<ClaimResult> {
    const giveBack = async () => {
      try {
        if (isGivenBack) await this.#store.release(key, request.owner);
      } catch {
        // It was told that the store fails.
      }
    };
    try {
      return await this.#within(key, 'claim', () => this.#store.claim(key, request), giveBack);
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#within(key, 'renew', () => this.#store.renew(key, owner, leaseMs));
  }

  complete(key: string, owner: string, completion: Completion): Promise<boolean> {
    return this.#within(key, 'complete', () => this.#store.complete(key, owner, completion));
  }

  release(key: string, owner: string): Promise<boolean> {
    return this.#within(key, 'release', () => this.#store.release(key, owner));
  }

  read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    return this.#within(key, 'read', () => this.#store.read(key));
  }

  evict(key: string): Promise<boolean> {
    return this.#within(key, 'evict', () => this.#store.evict(key));
  }

  /** A function that ends watching, or `undefined` where there is no way to watch. */
  async watch(key: string, notify: () => void): Promise<(() => void) | undefined> {
    if (this.#store.watch === undefined) return undefined;
    try {
      return await this.#within(
        key,
        'watch',
        async () => this.#store.watch?.(key, notify),
        (end) => end?.(),
      );
    } catch {
      // It was told; asking from time to time goes on.
      return undefined;
    }
  }

  #within<T>(
    key: string,
    action: StoreAction,
    call: () => Promise<T>,
    late: (result: T) => void = () => {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const refuse = (error: unknown) => {
        this.#timeouts.clear(timeout);
        if (isLate) return;
        isLate = true;
        this.#onError(key, action, error);
        reject(storeFailed(key, action, error));
      };
      const timeout = this.#timeouts.set(() =>
        refuse(new Error(`no answer within ${this.#timeoutMs} ms`)),
      );
      const settle = (result: T) => {
        this.#timeouts.clear(timeout);
        if (!isLate) return resolve(result);
        late(result);
      };
      try {
        call().then(settle, refuse);
      } catch (error) {
        refuse(error);
      }
    });
  }
}
