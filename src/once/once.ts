import { readOptions } from '../options/read.js';
import { monotonicMs } from '../runtime/runtime.js';
import type { StoreRecord } from '../store/store.js';
import { isAnother } from '../store/transition.js';
import { untilAborted } from './abort.js';
import { Alarms } from './alarms.js';
import { type CachedResult, ResultCache } from './cache.js';
import { type CallOptions, checkCall, checkKey, type InnerCallOptions } from './call.js';
import type { RunOutcome, RunPlan } from './claim-and-run.js';
import { currentRun, waitFor } from './deadlock.js';
import { closed, mismatch } from './errors.js';
import type { Layer, OnceEvent, Saved } from './events.js';
import { GuardedStore } from './guarded-store.js';
import { type Kept, open } from './kept.js';
import { type OnceOptions, type OnceSettings, onceOptions, RENEWALS_PER_LEASE } from './options.js';
import type { EventBody } from './run.js';
import type { OnceContext, RunContext } from './settle.js';
import { SharedRun, type SharedRunHost } from './shared-run.js';

/** A result, and how it came about. */
export interface Detailed<T> {
  readonly value: T;
  /** `executed`: the function ran for this call; `joined`: it ran for another, meanwhile; `replayed`: before. */
  readonly outcome: 'executed' | 'joined' | 'replayed';
  /** Who answered. */
  readonly layer: Layer;
  readonly ageMs: number;
}

/** What has happened since `createOnce`. */
export interface OnceStats {
  readonly executed: number;
  readonly failed: number;
  readonly joined: number;
  readonly replayed: number;
  readonly conflicts: number;
  readonly mismatches: number;
  readonly leasesLost: number;
  readonly unknown: number;
  readonly storeErrors: number;
  /** Runs and waits under way. */
  readonly inFlight: number;
  readonly cached: number;
}

/** Runs a function at most once per key. */
export interface Once {
  <T>(key: string, fn: (context: OnceContext) => T | Promise<T>, options?: CallOptions): Promise<T>;
  /** The same, with how the result came about. */
  detailed<T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options?: CallOptions,
  ): Promise<Detailed<T>>;
  /** Takes a result, or a record whose outcome is unknown, away; `false` if there was none, or it is running. */
  evict(key: string): Promise<boolean>;
  /** The record in the store. */
  inspect(key: string): Promise<StoreRecord | undefined>;
  stats(): OnceStats;
  /** Refuses new calls, waits for the runs under way and closes the store. */
  close(): Promise<void>;
}

const COUNTED = {
  executed: 'executed',
  failed: 'failed',
  joined: 'joined',
  replayed: 'replayed',
  conflict: 'conflicts',
  mismatch: 'mismatches',
  leaseLost: 'leasesLost',
  unknown: 'unknown',
  storeError: 'storeErrors',
} as const;

/**
 * Returns a function that runs another one at most once per key, in this process and in all that
 * share the store, and gives its result to every duplicate.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * const once = createOnce({ store: memoryStore() });
 * const key = keyOf({ model: 'm', messages: [] });
 * let calls = 0;
 * const call = async () => ({ answer: ++calls });
 * await Promise.all([once(key, call), once(key, call), once(key, call)]);
 * calls; // 1
 */
export function createOnce(options: OnceOptions): Once {
  const onces = new OnceRunner(readOptions(onceOptions, options, 'options of createOnce'));
  const once = async <T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options?: CallOptions,
  ) => (await onces.detailed(key, fn, options)).value;
  return Object.assign(once, {
    detailed: onces.detailed.bind(onces) as Once['detailed'],
    evict: (key: string) => onces.evict(key),
    inspect: (key: string) => onces.inspect(key),
    stats: () => onces.stats(),
    close: () => onces.close(),
  }) as Once;
}

/** What `createOnce` returns, for a layer above: its function can do without a platform's signal. */
export class OnceRunner implements SharedRunHost {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly renewals: Alarms;
  isClosed = false;
  readonly #cache: ResultCache;
  /** Those that may be joined, and all. */
  readonly #joinable = new Map<string, SharedRun>();
  readonly #inProgress = new Set<SharedRun>();
  /** What goes on after its callers have been answered. */
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #counts = {
    executed: 0,
    failed: 0,
    joined: 0,
    replayed: 0,
    conflicts: 0,
    mismatches: 0,
    leasesLost: 0,
    unknown: 0,
    storeErrors: 0,
  };

  constructor(settings: OnceSettings) {
    this.settings = settings;
    this.renewals = new Alarms(settings.leaseMs / RENEWALS_PER_LEASE);
    this.#cache = new ResultCache(settings.cache || undefined, settings.clock);
    this.store = new GuardedStore(settings, (key, action, error) =>
      this.emit(key, undefined, { type: 'storeError', action, error }),
    );
  }

  async detailed<T>(
    key: string,
    fn: (context: RunContext) => T | Promise<T>,
    options: InnerCallOptions = {},
  ): Promise<Detailed<T>> {
    checkCall(key, fn, options);
    const { signal, fingerprint, fresh = false } = options;
    const calledAt = monotonicMs();
    const caller = currentRun();
    for (;;) {
      if (this.isClosed) throw closed(key);
      signal?.throwIfAborted();
      const cached = fresh ? undefined : this.#cache.get(key);
      if (cached !== undefined && !isAnother(cached.fingerprint, fingerprint)) {
        return this.#replay<T>(key, cached, options);
      }
      const under = this.#runToJoin(key);
      const run = under ?? this.#start({ key, fn, fingerprint, fresh }, options);
      const join = () => waitFor(caller, run, () => run.join(options, calledAt));
      const settled = await (under === undefined
        ? join()
        : this.#join(under, options, calledAt, join));
      if (settled === undefined) continue;
      if (isAnother(settled.fingerprint, fingerprint)) return this.#refuseMismatch(key, options);
      if (under === undefined) return this.#deliver<T>(key, settled, options);
      // Nothing was run here: what it found may be older than this call, or have expired since.
      if (settled.outcome !== 'executed' && (fresh || settled.leftMs <= 0)) continue;
      return this.#deliverToJoined<T>(under, settled, options, monotonicMs() - calledAt);
    }
  }

  async evict(key: string): Promise<boolean> {
    checkKey(key);
    this.#cache.delete(key);
    let isGone = true;
    try {
      isGone = await this.store.evict(key);
    } finally {
      // If it failed, the record may be gone all the same.
      if (isGone) this.#forget(key);
    }
    if (isGone) this.emit(key, undefined, { type: 'evicted' });
    return isGone;
  }

  /** Nobody joins a run, or gets what it brings, who calls after its result was evicted. */
  #forget(key: string): void {
    this.#cache.delete(key);
    const run = this.#joinable.get(key);
    if (run === undefined) return;
    run.isEvicted = true;
    this.#joinable.delete(key);
  }

  async inspect(key: string): Promise<StoreRecord | undefined> {
    checkKey(key);
    const { record } = await this.store.read(key);
    if (record?.payload === undefined) return record;
    return { ...record, payload: record.payload.slice() };
  }

  stats(): OnceStats {
    return { ...this.#counts, inFlight: this.#inProgress.size, cached: this.#cache.size };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const run of this.#inProgress) run.wake();
    await Promise.allSettled([...this.#inProgress].map((run) => run.untilSettled()));
    // One may begin another, such as a renewal that comes late and has to be ended.
    while (this.#unfinished.size > 0) await Promise.allSettled(this.#unfinished);
    this.#cache.clear();
    await this.store.close();
  }

  finishLater(work: Promise<unknown>): void {
    const done = () => void this.#unfinished.delete(settled);
    const settled: Promise<void> = work.then(done, done);
    this.#unfinished.add(settled);
  }

  emit(key: string, traceparent: string | undefined, event: EventBody): void {
    if (event.type !== 'evicted') this.#counts[COUNTED[event.type]]++;
    try {
      this.settings.onEvent?.({ ...event, key, traceparent } as OnceEvent);
    } catch {
      // Watching must not change what is watched.
    }
  }

  /** The run that calls of this key join. One whose request is gone is forgotten. */
  #runToJoin(key: string): SharedRun | undefined {
    // The oldest first.
    for (const run of this.#inProgress) {
      if (!run.isGone) break;
      this.#remove(run);
    }
    const run = this.#joinable.get(key);
    if (!run?.isGone) return run;
    this.#remove(run);
    return undefined;
  }

  #remove(run: SharedRun): void {
    this.#inProgress.delete(run);
    if (this.#joinable.get(run.key) === run) this.#joinable.delete(run.key);
  }

  #start(plan: RunPlan, { traceparent }: InnerCallOptions): SharedRun {
    const { key } = plan;
    const run = new SharedRun(plan, traceparent, this);
    this.#joinable.set(key, run);
    this.#inProgress.add(run);
    const remove = () => this.#remove(run);
    run.settled.then(
      ({ kept, isKept, fingerprint, ageMs, leftMs }) => {
        remove();
        if (isKept && !run.isEvicted) this.#cache.set(key, kept, fingerprint, ageMs, leftMs);
      },
      // Each waiter receives the error; there may be no waiter left.
      remove,
    );
    return run;
  }

  /** Waits with a run that is under way; `undefined` if the caller is to look again. */
  async #join(
    run: SharedRun,
    options: InnerCallOptions,
    calledAt: number,
    join: () => Promise<RunOutcome | undefined>,
  ): Promise<RunOutcome | undefined> {
    // A run that was aborted, or one that was made before somebody wanted a fresh one.
    if (run.abort.aborted || (options.fresh && run.phase === 'writing')) {
      const end = run.untilSettled().catch(() => {});
      await untilAborted(end, options.signal);
      return undefined;
    }
    if (isAnother(run.fingerprint, options.fingerprint)) {
      // Whose payload the key stands for is known when the store has been asked.
      await run.untilClaimAnswered(options.signal);
      if (run.phase === 'claiming') return undefined;
      return this.#refuseMismatch(run.key, options);
    }
    return this.settings.onDuplicate === 'reject' ? run.joinIfIdle(options, calledAt) : join();
  }

  async #refuseMismatch(key: string, { traceparent, signal }: InnerCallOptions): Promise<never> {
    this.emit(key, traceparent, { type: 'mismatch', layer: 'process' });
    const read = this.store.read(key).catch(() => ({ record: undefined }));
    const { record } = await untilAborted(read, signal);
    throw mismatch(key, record);
  }

  #replay<T>(key: string, cached: CachedResult, { traceparent }: InnerCallOptions): Detailed<T> {
    const ageMs = Math.max(0, this.settings.clock() - cached.finishedAtMs);
    const event = { type: 'replayed', layer: 'process', ageMs } as const;
    const value = this.#give<T>(key, traceparent, event, cached.kept);
    return { value, outcome: 'replayed', layer: 'process', ageMs };
  }

  /** To who started the run. */
  #deliver<T>(key: string, settled: RunOutcome, { traceparent }: InnerCallOptions): Detailed<T> {
    const { outcome, kept, own, ageMs, waitedMs } = settled;
    const layer = own === undefined ? 'store' : 'process';
    if (own !== undefined) return { value: own() as T, outcome, layer, ageMs };
    const event =
      outcome === 'joined'
        ? ({ type: outcome, layer, waitedMs, joinedTraceparent: undefined } as const)
        : ({ type: 'replayed', layer, ageMs } as const);
    const value = this.#give<T>(key, traceparent, event, kept);
    return { value, outcome, layer, ageMs };
  }

  #deliverToJoined<T>(
    run: SharedRun,
    { kept, ageMs }: RunOutcome,
    { traceparent }: InnerCallOptions,
    waitedMs: number,
  ): Detailed<T> {
    const joinedTraceparent = run.traceparent;
    const event = { type: 'joined', layer: 'process', waitedMs, joinedTraceparent } as const;
    const value = this.#give<T>(run.key, traceparent, event, kept);
    return { value, outcome: 'joined', layer: 'process', ageMs };
  }

  /** Opens a result for a duplicate, and tells of it: a kept error is one, too. */
  #give<T>(key: string, traceparent: string | undefined, event: EventBody, kept: Kept): T {
    let saved: { saved: Saved } | undefined;
    try {
      const value = open(kept, this.settings.codec) as T;
      saved = this.#savedBy(value);
      return value;
    } finally {
      this.emit(key, traceparent, { ...event, ...saved });
    }
  }

  #savedBy(value: unknown): { saved: Saved } | undefined {
    const { savingOf, onEvent } = this.settings;
    if (savingOf === undefined || onEvent === undefined) return undefined;
    try {
      const saved = savingOf(value as never);
      return saved && { saved };
    } catch {
      // Nor must counting.
      return undefined;
    }
  }
}
