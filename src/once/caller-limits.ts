import { sha256Hex } from '../index.js';
import { monotonicMs } from '../runtime/runtime.js';
import { LimitError, type ReachedLimit } from './errors.js';
import { RecentMap } from './recent-map.js';
import { SlidingTotals } from './sliding-totals.js';

/** Limits of callers. One that is missing does not apply. */
export interface CallerLimitSettings {
  readonly keysPerMinute?: number | undefined;
  readonly storedBytesPerAccount?: number | undefined;
  readonly waitingPerKey?: number | undefined;
}

/** How many keys `evict` gives back the bytes of. */
const MAX_KEYS = 100_000;
const MINUTE_MS = 60_000;

/** A stored result that counts. */
interface Stored {
  readonly account: string;
  readonly slice: number;
  readonly byteCount: number;
}

/**
 * Counts what accounts do in this process. Only a run counts, after the store has granted its claim: a
 * duplicate whose account has reached a limit still gets the result that was paid for.
 */
export class CallerLimits {
  readonly #keysPerMinute: number;
  readonly #storedBytes: number;
  readonly #waitingPerKey: number;
  readonly #ttlMs: number;
  readonly #runs = new SlidingTotals(MINUTE_MS);
  readonly #bytes: SlidingTotals;
  /** The results of this process by key, for `evict`. */
  readonly #stored: RecentMap<Stored>;
  /** The errors of this object. A function that runs may throw those of another one. */
  readonly #refusals = new WeakSet<object>();
  #readMs = 0;
  #behindMs = 0;

  /** @param ttlMs How long results are stored. */
  constructor(settings: CallerLimitSettings, ttlMs: number) {
    this.#keysPerMinute = settings.keysPerMinute ?? Number.POSITIVE_INFINITY;
    this.#storedBytes = settings.storedBytesPerAccount ?? Number.POSITIVE_INFINITY;
    this.#waitingPerKey = settings.waitingPerKey ?? Number.POSITIVE_INFINITY;
    this.#ttlMs = ttlMs;
    this.#bytes = new SlidingTotals(ttlMs);
    this.#stored = new RecentMap(MAX_KEYS, ttlMs);
  }

  /** The entries in memory. */
  get size(): { readonly accounts: number; readonly keys: number } {
    const accounts = this.#runs.accountCount + this.#bytes.accountCount;
    return { accounts, keys: this.#stored.size };
  }

  /**
   * Returns the name under which an account is counted: a digest, as a name can be long, and a part of a
   * longer text, which it would keep in memory.
   */
  nameOf(account: string): string {
    return sha256Hex(account);
  }

  /** Returns the error for a run that the account may not start now. */
  refusalToRun(key: string, account = ''): LimitError | undefined {
    const nowMs = this.#nowMs();
    const runsMs = this.#runs.msUntilBelow(account, this.#keysPerMinute, nowMs);
    const bytesMs = this.#bytes.msUntilBelow(account, this.#storedBytes, nowMs);
    if (runsMs <= 0 && bytesMs <= 0) return undefined;
    // Both have to fall. The later one says when to come back.
    if (runsMs >= bytesMs) return this.#own(tooManyRuns(key, this.#keysPerMinute, runsMs));
    const byteCount = this.#bytes.total(account, nowMs);
    return this.#own(tooManyBytes(key, this.#storedBytes, byteCount, bytesMs, this.#ttlMs));
  }

  /** Counts a run that starts, or returns the error for it. */
  startRun(key: string, account = ''): LimitError | undefined {
    const refusal = this.refusalToRun(key, account);
    if (refusal !== undefined) return refusal;
    if (this.#keysPerMinute < Number.POSITIVE_INFINITY) this.#runs.add(account, 1, this.#nowMs());
    return undefined;
  }

  /** Returns the error for one more duplicate of a run that `waitingCount` duplicates wait for. */
  refusalToWait(key: string, waitingCount: number): LimitError | undefined {
    if (waitingCount < this.#waitingPerKey) return undefined;
    return this.#own(tooManyWaiting(key, this.#waitingPerKey));
  }

  /** Returns the limit that an error is about, if the error is one of this object. */
  reachedBy(error: unknown): ReachedLimit | undefined {
    return this.#refusals.has(error as object) ? (error as LimitError).reached : undefined;
  }

  /** Counts a result that this process has stored. It replaces an earlier one of the key. */
  onStored(key: string, account = '', byteCount = 0): void {
    if (this.#storedBytes === Number.POSITIVE_INFINITY) return;
    this.onEvicted(key);
    const nowMs = this.#nowMs();
    const slice = this.#bytes.add(account, byteCount, nowMs);
    this.#stored.set(key, { account, slice, byteCount }, nowMs);
  }

  /** The result of the key is no longer stored. */
  onEvicted(key: string): void {
    const stored = this.#stored.get(key);
    if (stored === undefined) return;
    this.#stored.delete(key);
    this.#bytes.subtract(stored.account, stored.slice, stored.byteCount);
  }

  #own(refusal: LimitError): LimitError {
    this.#refusals.add(refusal);
    return refusal;
  }

  /** A clock that never goes back. The clock of the platform does when a test removes its fake timers. */
  #nowMs(): number {
    const readMs = monotonicMs();
    if (readMs < this.#readMs) this.#behindMs += this.#readMs - readMs;
    this.#readMs = readMs;
    return readMs + this.#behindMs;
  }
}

const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));

function tooManyRuns(key: string, limit: number, ms: number): LimitError {
  const retryAfterSeconds = seconds(ms);
  return new LimitError(
    key,
    { name: 'keysPerMinute', limit, windowSeconds: MINUTE_MS / 1000 },
    `its account has started ${limit} runs within a minute (keysPerMinute), wanted another attempt after ${retryAfterSeconds} s`,
    retryAfterSeconds,
  );
}

function tooManyBytes(
  key: string,
  limit: number,
  byteCount: number,
  ms: number,
  ttlMs: number,
): LimitError {
  const retryAfterSeconds = seconds(ms);
  return new LimitError(
    key,
    { name: 'storedBytesPerAccount', limit, unit: 'content-bytes', windowSeconds: seconds(ttlMs) },
    `${byteCount} bytes are stored for its account, of ${limit} (storedBytesPerAccount), wanted another attempt after ${retryAfterSeconds} s, when the oldest have expired`,
    retryAfterSeconds,
  );
}

const tooManyWaiting = (key: string, limit: number) =>
  new LimitError(
    key,
    { name: 'waitingPerKey', limit, unit: 'concurrent-requests' },
    `${limit} duplicates wait for the run with this key (waitingPerKey), wanted another attempt after its end`,
    1,
  );
