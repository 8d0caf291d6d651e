import { isBoundToRequest, monotonicMs } from '../runtime/runtime.js';
import { atOnce } from '../store/at-once.js';
import type { ClaimRequest, ClaimResult, Completion, Store, StoreRecord } from '../store/store.js';
import { isWatchInRequest } from '../store/watch-in-request.js';
import { Alarms } from './alarms.js';
import { breakerOf } from './breaker.js';
import { type OnceError, storeFailed } from './errors.js';
import type { OnceSettings } from './options.js';
import { RENEWALS_PER_LEASE } from './options.js';
import { ReleaseQueue } from './release-queue.js';

export type StoreAction = 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';

/** The store did not answer in time. It may have acted. */
export class NoAnswerError extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}

/** Options define three timeouts: of calls, claims and renewals. */
const MAX_TIMEOUTS = 8;
/** A timer that is later than this shows that the process was paused: suspended, stopped, or busy. */
export const PAUSE_MS = 50;

/**
 * A store that answers or fails in time. A promise that never settles, and a function that throws
 * instead of returning a promise, become ordinary errors. A store in memory answers at once; its errors
 * are promises that reject.
 */
export class GuardedStore {
  readonly #store: Store;
  readonly #settings: OnceSettings;
  /** One for each timeout. */
  readonly #timeouts = new Map<number, Alarms>();
  readonly #releases = new ReleaseQueue();
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
   * Sends a claim. Its timeout is at most the requested lease, because a later reply would grant a
   * lease that has run out. If the reply is lost or late, `onLost` is called, perhaps several times.
   * By default it releases the claim, so that no caller waits for its lease to run out.
   */
  claim(
    key: string,
    request: ClaimRequest,
    onLost?: () => void,
    limitMs = this.#settings.storeTimeoutMs,
  ): ClaimResult | Promise<ClaimResult> {
    const timeoutMs = Math.min(limitMs, request.leaseMs);
    const store = this.#store;
    const onFailed = (error: unknown) => {
      const failure = this.#failureOf(key, 'claim', timeoutMs, error);
      // An error with a code of samekey means that the store refused the claim.
      const { code } = ((failure as Error).cause ?? {}) as { code?: unknown };
      if (typeof code !== 'string' || !code.startsWith('SAMEKEY_')) lose();
      return failure;
    };
    const lose = onLost ?? (() => void this.release(key, request.owner, true));
    const direct = atOnce(store.claim);
    if (direct !== undefined) {
      try {
        return direct.call(store, key, request);
      } catch (error) {
        return Promise.reject(onFailed(error));
      }
    }
    const onLate = ({ claimed }: ClaimResult) => {
      breakerOf(store).close();
      if (claimed) lose();
    };
    return this.#within(timeoutMs, () => store.claim(key, request), onLate, onFailed);
  }

  /** `claim` for a caller that runs without the store if it fails, and so does not wait for a silent one. */
  claimUnlessSilent(key: string, request: ClaimRequest): ClaimResult | Promise<ClaimResult> {
    const { storeTimeoutMs } = this.#settings;
    const breaker = breakerOf(this.#store);
    const limitMs = breaker.limitMs(storeTimeoutMs);
    if (limitMs === 0)
      return Promise.reject(this.#storeFailed(key, 'claim', breaker.failure?.cause));
    const askedAt = monotonicMs();
    const asked = this.claim(key, request, undefined, limitMs);
    if (!(asked instanceof Promise)) return asked;
    return asked.then(
      (answer) => {
        breaker.close();
        return answer;
      },
      (error) => {
        const { cause } = error as Error;
        breaker.open(cause, askedAt, storeTimeoutMs);
        throw error;
      },
    );
  }

  /** `onLate` is called with an answer that arrives after the timeout. */
  renew(
    key: string,
    owner: string,
    leaseMs: number,
    onLate: (isOurs: boolean) => void = () => {},
  ): Promise<boolean> {
    // Another renewal must fit in before the lease runs out.
    const timeoutMs = Math.min(
      this.#settings.storeTimeoutMs,
      Math.ceil(this.#settings.leaseMs / RENEWALS_PER_LEASE),
    );
    return this.#guard(
      key,
      'renew',
      timeoutMs,
      () => this.#store.renew(key, owner, leaseMs),
      onLate,
    );
  }

  /** `onLate` is called with an answer that arrives after the timeout. */
  complete(
    key: string,
    owner: string,
    completion: Completion,
    timeoutMs: number,
    onLate: (isStored: boolean) => void,
  ): boolean | Promise<boolean> {
    const store = this.#store;
    const direct = atOnce(store.complete);
    if (direct !== undefined) {
      try {
        return direct.call(store, key, owner, completion);
      } catch (error) {
        return Promise.reject(this.#failureOf(key, 'complete', timeoutMs, error));
      }
    }
    const call = () => store.complete(key, owner, completion);
    return this.#guard(key, 'complete', timeoutMs, call, onLate);
  }

  /**
   * Releases a claim. Resolves after the first attempt. If the store fails, the release is repeated in
   * the background; with `mayArriveLate` also while the store has no such claim.
   */
  release(key: string, owner: string, mayArriveLate = false): Promise<void> {
    const { storeTimeoutMs, leaseMs, onUnknown } = this.#settings;
    const ask = () => this.#within(storeTimeoutMs, () => this.#store.release(key, owner));
    return this.#releases.start(ask, {
      // With `onUnknown: 'retry'` a release has no effect after the lease has run out.
      retryForMs: onUnknown === 'retry' ? leaseMs : Number.POSITIVE_INFINITY,
      lateMs: mayArriveLate ? leaseMs : 0,
      // The failure of the claim was reported already.
      ...(!mayArriveLate && { onError: (error) => this.#onError(key, 'release', error) }),
    });
  }

  /** Ends a lease: the outcome is unknown from now on. Repeated as `release` is. */
  endLease(key: string, owner: string): Promise<void> {
    const { storeTimeoutMs, leaseMs } = this.#settings;
    const ask = () => this.#within(storeTimeoutMs, () => this.#store.renew(key, owner, 0));
    const onError = (error: unknown) => this.#onError(key, 'renew', error);
    return this.#releases.start(ask, { retryForMs: leaseMs, onError });
  }

  read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const { storeTimeoutMs } = this.#settings;
    return this.#guard(key, 'read', storeTimeoutMs, () => this.#store.read(key));
  }

  evict(key: string): Promise<boolean> {
    const { storeTimeoutMs } = this.#settings;
    return this.#guard(key, 'evict', storeTimeoutMs, () => this.#store.evict(key));
  }

  /** Returns a function that ends watching, or `undefined` if the store cannot notify. */
  async watch(key: string, notify: () => void): Promise<(() => void) | undefined> {
    const { watch } = this.#store;
    // On such a platform the subscription would end with the request, and could not wake another one.
    if (watch === undefined || (isBoundToRequest() && !isWatchInRequest(watch))) return undefined;
    try {
      return await this.#guard(
        key,
        'watch',
        this.#settings.storeTimeoutMs,
        async () => watch.call(this.#store, key, notify),
        (end) => end?.(),
      );
    } catch {
      // The error was reported. Polling continues.
      return undefined;
    }
  }

  /** Makes a last attempt at every pending release, and closes the store. */
  async close(): Promise<void> {
    await this.#releases.close();
    await this.#store.close();
  }

  #guard<T>(
    key: string,
    action: StoreAction,
    timeoutMs: number,
    call: () => Promise<T>,
    onLate: (result: T) => void = () => {},
  ): Promise<T> {
    return this.#within(timeoutMs, call, onLate, (error) =>
      this.#failureOf(key, action, timeoutMs, error),
    );
  }

  /** Reports a failure, and returns the error for the caller. */
  #failureOf(key: string, action: StoreAction, timeoutMs: number, error: unknown): unknown {
    // A store fails after `storeTimeoutMs`. A shorter timeout does not show that it failed.
    const isEarly = error instanceof NoAnswerError && timeoutMs < this.#settings.storeTimeoutMs;
    if (!isEarly) this.#onError(key, action, error);
    return this.#storeFailed(key, action, error);
  }

  #storeFailed(key: string, action: StoreAction, error: unknown): OnceError {
    return storeFailed(key, action, this.#store, error);
  }

  /** Settles with the answer, or rejects with `toFailure` of the store's error or of a `NoAnswerError`. */
  #within<T>(
    timeoutMs: number,
    call: () => Promise<T>,
    onLate: (result: T) => void = () => {},
    toFailure: (error: unknown) => unknown = (error) => error,
  ): Promise<T> {
    const timeouts = this.#timeoutsAfter(timeoutMs);
    const askedAt = monotonicMs();
    return new Promise((resolve, rejectWith) => {
      const reject = (error: unknown) => rejectWith(toFailure(error));
      let isLate = false;
      let wasPaused = false;
      const ring = () => {
        // After a pause of the process, the answer may have arrived unread: wait once again.
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
        onLate(result);
      };
      const refuse = (error: unknown) => {
        timeouts.clear(timeout);
        if (!isLate) reject(error);
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
      // The rest of a lease can be any duration, and not each is worth its own entry.
      if (this.#timeouts.size < MAX_TIMEOUTS) this.#timeouts.set(timeoutMs, timeouts);
    }
    return timeouts;
  }
}
