import { isBoundToRequest, monotonicMs } from '../runtime/runtime.js';
import type { ClaimRequest, ClaimResult, Completion, Store, StoreRecord } from '../store/store.js';
import { Alarms } from './alarms.js';
import { storeFailed } from './errors.js';
import { GiveBacks } from './give-back.js';
import type { OnceSettings } from './options.js';
import { RENEWALS_PER_LEASE } from './options.js';

export type StoreAction = 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';

/** The cause of a store's failure where the store said nothing in time; it may have acted. */
export class NoAnswerError extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}

/** More than there are timeouts by options: of calls, claims and renewals. */
const MAX_TIMEOUTS = 8;
/** A timer that is later than this says that the process was paused: suspended, stopped, or busy. */
const PAUSE_MS = 50;

/**
 * A store that answers or fails within a time: a promise that never settles, or a function that
 * throws before there is one, becomes an error like any other.
 */
export class GuardedStore {
  readonly #store: Store;
  readonly #settings: OnceSettings;
  /** One per timeout. */
  readonly #timeouts = new Map<number, Alarms>();
  readonly #giveBacks = new GiveBacks();
  readonly #onError: (key: string, action: StoreAction, error: unknown) => void;

  constructor(
    settings: OnceSettings,
    onError: (key: string, action: StoreAction, error: unknown) => void,
  ) {
    this.#store = settings.store;
    this.#settings = settings;
    this.#onError = onError;
  }

  /**
   * Sends a claim. It may take no longer than the lease that it asks for: a later reply would be
   * about a lease that is over. If its reply is lost or late, `giveBack` is called, as often as there
   * is a reason to; unless given it releases the claim, so that nobody has to wait for its lease to
   * run out.
   */
  async claim(
    key: string,
    request: ClaimRequest,
    giveBack: () => void = () => void this.release(key, request.owner, true),
  ): Promise<ClaimResult> {
    const timeoutMs = Math.min(this.#settings.storeTimeoutMs, request.leaseMs);
    try {
      return await this.#guard(
        key,
        'claim',
        timeoutMs,
        () => this.#store.claim(key, request),
        ({ claimed }) => {
          if (claimed) giveBack();
        },
      );
    } catch (error) {
      // A store that refused the claim with a code of samekey's has not made it.
      const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
      if (typeof code !== 'string' || !code.startsWith('SAMEKEY_')) giveBack();
      throw error;
    }
  }

  /** `late` is called with an answer that comes after the time is up. */
  renew(
    key: string,
    owner: string,
    leaseMs: number,
    late: (isOurs: boolean) => void = () => {},
  ): Promise<boolean> {
    // Another one must fit in before the lease is over.
    const timeoutMs = Math.min(
      this.#settings.storeTimeoutMs,
      Math.ceil(this.#settings.leaseMs / RENEWALS_PER_LEASE),
    );
    return this.#guard(key, 'renew', timeoutMs, () => this.#store.renew(key, owner, leaseMs), late);
  }

  /** `late` is called with an answer that comes after the time is up. */
  complete(
    key: string,
    owner: string,
    completion: Completion,
    timeoutMs: number,
    late: (isKept: boolean) => void,
  ): Promise<boolean> {
    const call = () => this.#store.complete(key, owner, completion);
    return this.#guard(key, 'complete', timeoutMs, call, late);
  }

  /**
   * Releases a claim. This resolves after the first try; while the store fails it is tried again in
   * the background, and with `mayComeLate` also while the store has no such claim.
   */
  release(key: string, owner: string, mayComeLate = false): Promise<void> {
    const { storeTimeoutMs, leaseMs, onUnknown } = this.#settings;
    const ask = () => this.#within(storeTimeoutMs, () => this.#store.release(key, owner));
    return this.#giveBacks.start(ask, {
      // With `onUnknown: 'retry'` nobody needs it once the lease has run out.
      patienceMs: onUnknown === 'retry' ? leaseMs : Number.POSITIVE_INFINITY,
      lateMs: mayComeLate ? leaseMs : 0,
      // That the store fails was told at the claim.
      ...(!mayComeLate && { onError: (error) => this.#onError(key, 'release', error) }),
    });
  }

  /** Ends a lease: the outcome is unknown from now on. The same holds as for `release`. */
  endLease(key: string, owner: string): Promise<void> {
    const { storeTimeoutMs, leaseMs } = this.#settings;
    const ask = () => this.#within(storeTimeoutMs, () => this.#store.renew(key, owner, 0));
    const onError = (error: unknown) => this.#onError(key, 'renew', error);
    return this.#giveBacks.start(ask, { patienceMs: leaseMs, onError });
  }

  read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const { storeTimeoutMs } = this.#settings;
    return this.#guard(key, 'read', storeTimeoutMs, () => this.#store.read(key));
  }

  evict(key: string): Promise<boolean> {
    const { storeTimeoutMs } = this.#settings;
    return this.#guard(key, 'evict', storeTimeoutMs, () => this.#store.evict(key));
  }

  /** A function that ends watching, or `undefined` where there is no way to watch. */
  async watch(key: string, notify: () => void): Promise<(() => void) | undefined> {
    // Bound to a request, it would go silent with it, and could not wake another request either.
    if (this.#store.watch === undefined || isBoundToRequest()) return undefined;
    try {
      return await this.#guard(
        key,
        'watch',
        this.#settings.storeTimeoutMs,
        async () => this.#store.watch?.(key, notify),
        (end) => end?.(),
      );
    } catch {
      // It was told; asking from time to time goes on.
      return undefined;
    }
  }

  /** Tries once more to release what could not be released so far, and closes the store. */
  async close(): Promise<void> {
    await this.#giveBacks.close();
    await this.#store.close();
  }

  async #guard<T>(
    key: string,
    action: StoreAction,
    timeoutMs: number,
    call: () => Promise<T>,
    late: (result: T) => void = () => {},
  ): Promise<T> {
    try {
      return await this.#within(timeoutMs, call, late);
    } catch (error) {
      // The store has `storeTimeoutMs`. Who cannot wait that long has not found out that it fails.
      const isEarly = error instanceof NoAnswerError && timeoutMs < this.#settings.storeTimeoutMs;
      if (!isEarly) this.#onError(key, action, error);
      throw storeFailed(key, action, error);
    }
  }

  #within<T>(
    timeoutMs: number,
    call: () => Promise<T>,
    late: (result: T) => void = () => {},
  ): Promise<T> {
    const timeouts = this.#timeoutsAfter(timeoutMs);
    const askedAt = monotonicMs();
    return new Promise((resolve, reject) => {
      let isLate = false;
      let wasPaused = false;
      const ring = () => {
        // A process that was paused has not heard the answer that may be there: it listens once more.
        if (!wasPaused && monotonicMs() - askedAt > timeoutMs + Math.max(PAUSE_MS, timeoutMs / 4)) {
          wasPaused = true;
          timeout = timeouts.set(ring);
          return;
        }
        isLate = true;
        reject(new NoAnswerError(timeoutMs));
      };
      let timeout = timeouts.set(ring);
      const settle = (result: T) => {
        timeouts.clear(timeout);
        if (!isLate) return resolve(result);
        late(result);
      };
      const refuse = (error: unknown) => {
        timeouts.clear(timeout);
        reject(error);
      };
      try {
        call().then(settle, refuse);
      } catch (error) {
        refuse(error);
      }
    });
  }

  #timeoutsAfter(timeoutMs: number): Alarms {
    let timeouts = this.#timeouts.get(timeoutMs);
    if (timeouts === undefined) {
      timeouts = new Alarms(timeoutMs);
      // What is left of a lease may be any time; it is not worth keeping one for each.
      if (this.#timeouts.size < MAX_TIMEOUTS) this.#timeouts.set(timeoutMs, timeouts);
    }
    return timeouts;
  }
}
