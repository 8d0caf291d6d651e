import { fail } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { byteCount, func, type OptionsOf, specs, wholeNumber } from '../options/spec.js';
import { steadyClockMs } from '../runtime/runtime.js';
import { alsoAtOnce } from './at-once.js';
import { FinishedRecords } from './memory/finished-records.js';
import type { ClaimRequest, ClaimResult, Completion, Store, StoreRecord } from './store.js';
import * as transition from './transition.js';
import { Watchers } from './watchers.js';

const memoryStoreOptions = /* @__PURE__ */ specs(() => ({
  /** The most records. The oldest finished record makes room for a new one, then a run that ended without an outcome, unless it waits for a decision (`onUnknown`). */
  maxEntries: wholeNumber({ default: 10_000, min: 1 }),
  /** The most bytes of results. A result that is larger than that is refused. */
  maxBytes: byteCount({ default: 64 * 1024 * 1024, min: 1 }),
  /**
   * Returns milliseconds since 1970.
   * @defaultValue a clock that follows fake timers, and no change of the system time
   */
  clock: func<() => number>(steadyClockMs),
}));

/** The options of `memoryStore`. */
export interface MemoryStoreOptions extends OptionsOf<typeof memoryStoreOptions> {}

/** How many of the oldest finished records are checked for expiry with each new one. */
const SWEPT_PER_WRITE = 2;

/**
 * Returns a store in the memory of this process, for a single process and for tests. Its records
 * are lost when the process ends.
 *
 * It is bounded. When it is full, it drops the oldest finished records; a later duplicate of a
 * dropped one runs again. When all records are running, a claim rejects with the `RangeError`
 * `SAMEKEY_STORE_FULL`. So does a result that is larger than `maxBytes`.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * const store = memoryStore({ maxEntries: 1000 });
 * store.name; // 'memory'
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { maxEntries, maxBytes, clock } = readOptions(
    memoryStoreOptions,
    options,
    'options of memoryStore',
  );
  return new MemoryStore(maxEntries, maxBytes, clock);
}

class MemoryStore implements Store {
  readonly name = 'memory';
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #clock: () => number;
  /** The running records, each with the running record that it took over, if any. */
  readonly #running = new Map<string, transition.StoredRecord>();
  /** The finished records. That of a key that runs again stays here and still counts. */
  readonly #finished = new FinishedRecords((record) => this.#noteToken(record));
  /** The largest fencing token of the deleted records. */
  #highestToken = 0;
  readonly #watchers = new Watchers();

  constructor(maxEntries: number, maxBytes: number, clock: () => number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  static {
    alsoAtOnce(MemoryStore.prototype.claim, MemoryStore.prototype.claimAtOnce);
    alsoAtOnce(MemoryStore.prototype.complete, MemoryStore.prototype.completeAtOnce);
  }

  async claim(key: string, request: ClaimRequest): Promise<ClaimResult> {
    return this.claimAtOnce(key, request);
  }

  claimAtOnce(key: string, request: ClaimRequest): ClaimResult {
    const nowMs = this.#clock();
    const old = this.#get(key);
    const record = transition.claimed(old, request, nowMs, this.#highestToken);
    if (record === undefined) {
      return { claimed: false, record: transition.withoutFormer(old as StoreRecord), nowMs };
    }
    if (old !== undefined) {
      this.#noteToken(this.#running.get(key));
      if (transition.unexpired(old, nowMs) === undefined) this.#finished.delete(key);
    } else if (!this.#makeRoom(nowMs)) {
      fail(
        RangeError,
        'SAMEKEY_STORE_FULL',
        `Cannot claim the key: all ${this.#maxEntries} records of the memory store are running or wait for a decision by onUnknown, wanted a larger maxEntries`,
      );
    }
    this.#setRunning(key, record);
    return { claimed: true, record: transition.withoutFormer(record), nowMs };
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const record = transition.renewed(this.#running.get(key), owner, leaseMs, this.#clock());
    if (record === undefined) return false;
    this.#running.set(key, record);
    if (leaseMs === 0) this.#watchers.notify(key);
    return true;
  }

  async complete(key: string, owner: string, completion: Completion): Promise<boolean> {
    return this.completeAtOnce(key, owner, completion);
  }

  completeAtOnce(key: string, owner: string, completion: Completion): boolean {
    const nowMs = this.#clock();
    const old = this.#current(key);
    // A copy: it uses no more memory than its bytes, and the caller cannot change it.
    const payload = new Uint8Array(completion.payload);
    const record = transition.completed(old, owner, { ...completion, payload }, nowMs);
    if (record === undefined) return false;
    if (record !== old) {
      if (payload.length > this.#maxBytes) {
        fail(
          RangeError,
          'SAMEKEY_STORE_FULL',
          `Cannot store ${payload.length} bytes in the memory store: wanted at most ${this.#maxBytes} (maxBytes)`,
        );
      }
      this.#running.delete(key);
      this.#sweep(nowMs);
      this.#addFinished(key, record);
      this.#watchers.notify(key);
    }
    return true;
  }

  async release(key: string, owner: string): Promise<boolean> {
    const nowMs = this.#clock();
    const record = this.#get(key);
    if (record === undefined || !transition.isReleasable(record, owner, nowMs)) return false;
    const former = transition.restored(record, nowMs);
    if (former?.state === 'running') {
      this.#setRunning(key, former);
    } else {
      this.#remove(key);
      if (former !== undefined) this.#addFinished(key, former);
    }
    this.#watchers.notify(key);
    return true;
  }

  async read(key: string): Promise<{ record: StoreRecord | undefined; nowMs: number }> {
    const nowMs = this.#clock();
    const record = transition.unexpired(this.#current(key), nowMs);
    return { record: record && transition.withoutFormer(record), nowMs };
  }

  async evict(key: string): Promise<boolean> {
    if (!transition.isEvictable(this.#current(key), this.#clock())) return false;
    this.#remove(key);
    this.#watchers.notify(key);
    return true;
  }

  async watch(key: string, notify: () => void): Promise<() => void> {
    return this.#watchers.add(key, notify);
  }

  async *list({ limit = Number.POSITIVE_INFINITY } = {}) {
    const nowMs = this.#clock();
    let count = 0;
    for (const records of [this.#running, this.#finished]) {
      for (const [key, record] of records) {
        if (count >= limit) return;
        if (record.state !== 'running' && this.#running.has(key)) continue;
        if (transition.unexpired(record, nowMs) === undefined) continue;
        count++;
        yield { key, record: transition.withoutFormer(record) };
      }
    }
  }

  async close(): Promise<void> {}

  #current(key: string): transition.StoredRecord | undefined {
    return this.#running.get(key) ?? this.#finished.get(key);
  }

  /** Returns the current record with all those behind it. */
  #get(key: string): transition.StoredRecord | undefined {
    const running = this.#running.get(key);
    const finished = this.#finished.get(key);
    if (running === undefined || finished === undefined) return running ?? finished;
    const former = transition.formerOf(running);
    const takenOver = former && transition.withFormer(finished, former);
    return transition.withFormer(takenOver ?? finished, running);
  }

  /** Stores the running record; its finished former record stays in `#finished`. */
  #setRunning(key: string, record: transition.StoredRecord): void {
    const former = transition.formerOf(record);
    const takenOver = former?.state === 'running' ? transition.withoutFormer(former) : undefined;
    this.#running.set(key, transition.withFormer(takenOver, record));
  }

  /** Stores the newest finished record, and drops the oldest if there are too many bytes. */
  #addFinished(key: string, record: StoreRecord): void {
    this.#finished.add(key, record);
    while (this.#finished.byteCount > this.#maxBytes) this.#finished.deleteOldest();
  }

  #remove(key: string): void {
    this.#noteToken(this.#running.get(key));
    this.#running.delete(key);
    this.#finished.delete(key);
  }

  #noteToken(record: StoreRecord | undefined): void {
    this.#highestToken = Math.max(this.#highestToken, record?.fencingToken ?? 0);
  }

  /** Makes room for one more record. Returns whether there is room. */
  #makeRoom(nowMs: number): boolean {
    // More than one may have to go: a key that runs again counts twice.
    while (this.#running.size + this.#finished.size >= this.#maxEntries) {
      if (!this.#finished.deleteOldest()) return this.#removeLapsed(nowMs);
    }
    return true;
  }

  /**
   * Deletes one running record whose owner never came back, unless it waits for a decision. Only used if
   * nothing else can go: a new claim of its key would take it over, and count its attempts.
   */
  #removeLapsed(nowMs: number): boolean {
    for (const [key, record] of this.#running) {
      const isHeld = record.expiresAtMs - record.claimedAtMs >= transition.HELD_TTL_MS;
      const endsAtMs = isHeld ? record.expiresAtMs : record.leaseEndsAtMs;
      if (endsAtMs <= nowMs) {
        this.#remove(key);
        return true;
      }
    }
    return false;
  }

  /** Deletes a few expired records. */
  #sweep(nowMs: number): void {
    for (let left = SWEPT_PER_WRITE; left > 0; left--) {
      if (transition.unexpired(this.#finished.oldest, nowMs) !== undefined) return;
      if (!this.#finished.deleteOldest()) return;
    }
  }
}
