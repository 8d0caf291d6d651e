import { ignoreRejection, notify } from '../options/callbacks.js';
import { isBoundToRequest, monotonicMs } from '../runtime/runtime.js';
import type { StoreRecord } from '../store/store.js';
import { isAnother } from '../store/transition.js';
import { untilAborted } from './abort.js';
import { Alarms } from './alarms.js';
import { type CachedResult, ResultCache } from './cache.js';
import { checkCall, checkKey, type InnerCallOptions, NO_OPTIONS } from './call.js';
import type { RunContext } from './call-function.js';
import type { CallerLimits } from './caller-limits.js';
import { Abandoned, type RunOutcome, type RunPlan } from './claim-and-run.js';
import { type Awaited, currentRun, waitFor } from './deadlock.js';
import { closed, mismatch, OnceError } from './errors.js';
import type { Layer, OnceEvent, Saved } from './events.js';
import { GuardedStore } from './guarded-store.js';
import type { LiveCall, Subscriber } from './live.js';
import { type OnceSettings, RENEWALS_PER_LEASE } from './options.js';
import { type EventBody, unreadableEvent } from './run.js';
import { SharedRun, type SharedRunHost } from './shared-run.js';
import { decodeResult, type StoredResult } from './stored-result.js';
import type { WaiterAnswer, WaiterRole } from './waiter.js';

/** A result and its origin. */
export interface Detailed<T> {
  /** The result of the function. */
  readonly value: T;
  /** `executed`: the function ran for this call; `joined`: it ran for another call that was in progress; `replayed`: it ran earlier. */
  readonly outcome: 'executed' | 'joined' | 'replayed';
  /** Where the result came from. */
  readonly layer: Layer;
  /** How long ago the run finished, in milliseconds. */
  readonly ageMs: number;
}

/** Counts since `createOnce`. */
export interface OnceStats {
  /** Runs that returned a result. */
  readonly executed: number;
  /** Runs that ended with an error. */
  readonly failed: number;
  /** Duplicates that waited for a run and received its result. */
  readonly joined: number;
  /** Duplicates that received a stored result. */
  readonly replayed: number;
  /** Duplicates that were refused while the run was in progress. */
  readonly conflicts: number;
  /** Calls that were refused because a limit was reached. */
  readonly limited: number;
  /** Calls that used a key with another fingerprint. */
  readonly mismatches: number;
  /** Runs that lost their lease. */
  readonly leasesLost: number;
  /** Calls that found an earlier attempt of unknown outcome. */
  readonly unknown: number;
  /** Stored results that could not be read. */
  readonly unreadable: number;
  /** Store operations that failed. */
  readonly storeErrors: number;
  /** Runs and waits in progress. */
  readonly inFlight: number;
  /** Results in the cache of this process. */
  readonly cached: number;
}

export type RunFunction = RunPlan['fn'];

/** Its class has methods only. */
const isSubscriber = (answer: RunOutcome | Subscriber): answer is Subscriber =>
  !Object.hasOwn(answer, 'outcome');

const ignore = () => {};
const same = <T>(answer: T) => answer;
const resultOf = ({ value }: Detailed<unknown>) => value;

const COUNTED = {
  executed: 'executed',
  failed: 'failed',
  joined: 'joined',
  replayed: 'replayed',
  conflict: 'conflicts',
  limited: 'limited',
  mismatch: 'mismatches',
  leaseLost: 'leasesLost',
  unknown: 'unknown',
  unreadable: 'unreadable',
  storeError: 'storeErrors',
} as const;

/**
 * The answer of a live function: an earlier result, or a subscription to a value that is arriving with
 * a promise that resolves when the run has ended.
 */
export type LiveAnswer<T, S extends Subscriber = Subscriber> =
  | Detailed<T>
  | {
      readonly subscriber: S;
      readonly outcome: 'executed' | 'joined';
      readonly settled: Promise<void>;
    };

/** The implementation of `createOnce`, for layers above. Their functions need no platform signal. */
export class OnceRunner implements SharedRunHost {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly renewals: Alarms;
  readonly timeLimits: Alarms | undefined;
  readonly waitLimits: Alarms | undefined;
  readonly limits: CallerLimits | undefined;
  isClosed = false;
  readonly #cache: ResultCache;
  /** The runs in progress: those that callers may join, and those whose result was evicted. */
  readonly #joinable = new Map<string, SharedRun>();
  readonly #evicted = new Set<SharedRun>();
  /** Work that continues after callers have their answers. */
  readonly #unfinished = new Set<Promise<unknown>>();
  readonly #counts = {
    executed: 0,
    failed: 0,
    joined: 0,
    replayed: 0,
    conflicts: 0,
    limited: 0,
    mismatches: 0,
    leasesLost: 0,
    unknown: 0,
    unreadable: 0,
    storeErrors: 0,
  };

  /** @param cache That of another runner of the same store, which this one shares. */
  constructor(settings: OnceSettings, limits?: CallerLimits, cache?: ResultCache) {
    this.settings = settings;
    this.limits = limits;
    this.renewals = new Alarms(settings.leaseMs / RENEWALS_PER_LEASE);
    const { timeoutMs, waitMs } = settings;
    this.timeLimits = timeoutMs === undefined ? undefined : new Alarms(timeoutMs);
    this.waitLimits = waitMs === undefined ? undefined : new Alarms(waitMs);
    this.#cache = cache ?? new ResultCache(settings.cache || undefined, settings.clock);
    this.store = new GuardedStore(settings, (key, action, error) =>
      this.emit(key, undefined, { type: 'storeError', action, error }),
    );
  }

  get cache(): ResultCache {
    return this.#cache;
  }

  value(key: string, fn: RunFunction, options?: InnerCallOptions): Promise<unknown> {
    return this.#call(
      key,
      fn,
      options,
      undefined,
      resultOf as (answer: LiveAnswer<unknown>) => unknown,
    );
  }

  detailed<T>(
    key: string,
    fn: (context: RunContext) => T | Promise<T>,
    options?: InnerCallOptions,
  ): Promise<Detailed<T>> {
    return this.#call(key, fn, options, undefined, same) as Promise<Detailed<T>>;
  }

  /** `detailed` for a function whose value callers read while it arrives. */
  live<T, S extends Subscriber>(
    key: string,
    call: LiveCall<S>,
    options?: InnerCallOptions,
  ): Promise<LiveAnswer<T, S>> {
    return this.#call(key, call.create, options, call, same) as Promise<LiveAnswer<T, S>>;
  }

  /**
   * Resolves to what `give` makes of the answer. A replay from the cache takes one promise, because each
   * one takes as long as the look into the cache.
   */
  #call<R>(
    key: string,
    fn: RunFunction,
    given: InnerCallOptions = NO_OPTIONS,
    liveCall: LiveCall | undefined,
    give: (answer: LiveAnswer<unknown>) => R,
  ): Promise<R> {
    try {
      const found = this.#cache.get(key);
      // A key that is in use was checked by an earlier call.
      if (found === undefined && !this.#joinable.has(key)) checkKey(key);
      // A live call is one of samekey's own, whose options have all members.
      const options = liveCall === undefined ? checkCall(key, fn, given) : given;
      const cached = found && this.#look(key, options, found);
      if (cached !== undefined) return Promise.resolve(give(this.#replay(key, cached, options)));
      return this.#joinOrRun(key, fn, options, liveCall, give, currentRun(), found);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Returns the cached result, if it answers the call. Throws if the call must not be answered. */
  #look(
    key: string,
    { signal, fingerprint, fresh }: InnerCallOptions,
    cached: CachedResult | undefined,
  ): CachedResult | undefined {
    if (this.isClosed) throw closed(key);
    signal?.throwIfAborted();
    const isAnswer = !fresh && cached !== undefined && !isAnother(cached.fingerprint, fingerprint);
    return isAnswer ? cached : undefined;
  }

  async #joinOrRun<R>(
    key: string,
    fn: RunFunction,
    options: InnerCallOptions,
    liveCall: LiveCall | undefined,
    give: (answer: LiveAnswer<unknown>) => R,
    caller: Awaited | undefined,
    inCache: CachedResult | undefined,
  ): Promise<R> {
    const { fingerprint, fresh = false, ttlMs = this.settings.ttlMs } = options;
    const calledAt = monotonicMs();
    for (let found = inCache; ; found = this.#cache.get(key)) {
      const cached = this.#look(key, options, found);
      if (cached !== undefined) return give(this.#replay(key, cached, options));
      const shared = this.#runToJoin(key);
      const run = shared ?? this.#start({ key, fingerprint, fresh, ttlMs, fn }, options, liveCall);
      let answer: WaiterAnswer;
      try {
        answer = await (shared === undefined
          ? this.#wait(run, options, calledAt, 'starter', caller)
          : this.#join(shared, options, calledAt, caller));
      } catch (error) {
        if (error instanceof Abandoned) continue;
        const reached = this.limits?.reachedBy(error);
        if (reached !== undefined) {
          this.emit(key, options.traceparent, { type: 'limited', limit: reached.name });
        }
        throw error;
      }
      if (answer === undefined) continue;
      if (isSubscriber(answer)) {
        // The failure of a run that had lost its callers before it started: this caller starts its own.
        if (shared?.wasAbandoned && shared.live?.hasFailed) {
          answer.cancel();
          await shared.untilEnded(options, calledAt);
          continue;
        }
        const outcome = shared === undefined ? 'executed' : 'joined';
        if (shared !== undefined) this.#tellOfSubscriber(shared, options, monotonicMs() - calledAt);
        const settled = run.settled.then(ignore, ignore);
        return give({ subscriber: answer, outcome, settled });
      }
      if (isAnother(answer.fingerprint, fingerprint)) return this.#refuseMismatch(key, options);
      if (shared === undefined) return give(this.#deliver(key, answer, options));
      // The run executed nothing here. Its result may be older than this call, or expired.
      if (answer.outcome !== 'executed' && (fresh || answer.leftMs <= 0)) continue;
      return give(this.#deliverToJoined(shared, answer, options, monotonicMs() - calledAt));
    }
  }

  /** Waits for the answer of a run. `caller` is the run whose function makes the call, if any. */
  #wait(
    run: SharedRun,
    options: InnerCallOptions,
    calledAt: number,
    role: WaiterRole,
    caller: Awaited | undefined,
  ): Promise<WaiterAnswer> {
    if (caller === undefined) return run.join(options, calledAt, role);
    return waitFor(caller, run.awaited, () => run.join(options, calledAt, role));
  }

  async evict(key: string): Promise<boolean> {
    checkKey(key);
    this.#cache.delete(key);
    let isGone = true;
    try {
      isGone = await this.store.evict(key);
    } finally {
      // A failed `evict` may have removed the record.
      if (isGone) this.#forget(key);
    }
    if (isGone) this.emit(key, undefined, { type: 'evicted' });
    return isGone;
  }

  /** A call after an eviction does not join an earlier run, or receive its result. */
  #forget(key: string): void {
    this.#cache.delete(key);
    this.limits?.onEvicted(key);
    const run = this.#joinable.get(key);
    if (run === undefined) return;
    run.isEvicted = true;
    this.#joinable.delete(key);
    this.#evicted.add(run);
  }

  async inspect(key: string): Promise<StoreRecord | undefined> {
    checkKey(key);
    const { record } = await this.store.read(key);
    if (record?.payload === undefined) return record;
    return { ...record, payload: new Uint8Array(record.payload) };
  }

  stats(): OnceStats {
    return {
      ...this.#counts,
      inFlight: this.#joinable.size + this.#evicted.size,
      cached: this.#cache.size,
    };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const inProgress = [...this.#joinable.values(), ...this.#evicted];
    for (const run of inProgress) run.wake();
    await Promise.allSettled(inProgress.map((run) => run.untilSettled()));
    // One operation may start another, such as ending a lease that a late renewal has extended.
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
    this.#count(event);
    this.#tell(key, traceparent, event);
  }

  #count({ type }: EventBody): void {
    if (type !== 'evicted') this.#counts[COUNTED[type]]++;
  }

  #tell(key: string, traceparent: string | undefined, event: EventBody): void {
    const { onEvent } = this.settings;
    if (onEvent !== undefined) notify(onEvent, { ...event, key, traceparent } as OnceEvent);
  }

  /** The run that calls of this key join. A run whose request has ended is removed. */
  #runToJoin(key: string): SharedRun | undefined {
    if (isBoundToRequest()) {
      for (const runs of [this.#joinable.values(), this.#evicted]) {
        // The oldest run first.
        for (const run of runs) {
          if (!run.isGone) break;
          this.#remove(run);
        }
      }
    }
    const run = this.#joinable.get(key);
    if (!run?.isGone) return run;
    this.#remove(run);
    return undefined;
  }

  #remove(run: SharedRun): void {
    if (this.#joinable.get(run.key) === run) this.#joinable.delete(run.key);
    else this.#evicted.delete(run);
  }

  #start(
    plan: RunPlan,
    { traceparent, account = '' }: InnerCallOptions,
    liveCall: LiveCall | undefined,
  ): SharedRun {
    const { key } = plan;
    const counted = this.limits?.nameOf(account);
    let onEnded = ignore;
    if (liveCall !== undefined) {
      // Before the run starts: if it throws, nothing runs.
      liveCall.onStart?.(
        new Promise((resolve) => {
          onEnded = resolve;
        }),
      );
    }
    const run = new SharedRun(plan, liveCall?.create(), traceparent, counted, this, onEnded);
    this.#joinable.set(key, run);
    // Its caller waits for it from this tick on, so a failure is never unhandled.
    run.start(plan);
    return run;
  }

  onEnded(run: SharedRun, outcome: RunOutcome | undefined): void {
    this.#remove(run);
    if (!outcome?.isStored || run.isEvicted) return;
    const { result, ended, fingerprint, ageMs, leftMs, runMs } = outcome;
    if (ended !== undefined) this.limits?.onStored(run.key, run.account, result.payload.length);
    this.#cache.set(run.key, result, fingerprint, ageMs, leftMs, runMs);
  }

  /** Joins a run that is in progress; `undefined` if the caller must look again. */
  #join(
    run: SharedRun,
    options: InnerCallOptions,
    calledAt: number,
    caller: Awaited | undefined,
  ): Promise<WaiterAnswer> {
    const { live } = run;
    const refusal = this.limits?.refusalToWait(run.key, run.duplicateCount);
    if (refusal !== undefined) throw refusal;
    // An aborted run, a run that started before a caller asked for a fresh one, or a live value whose
    // end is known: another caller gets it only from the store.
    const isTooLate = live?.isOpen === false || (options.fresh && run.phase === 'writing');
    if (run.abort.aborted || isTooLate) return run.untilEnded(options, calledAt);
    if (isAnother(run.fingerprint, options.fingerprint)) {
      return this.#refuseToJoin(run, options);
    }
    if (this.settings.onDuplicate === 'reject') return run.join(options, calledAt, 'idle');
    const tooLate = live?.refuseSubscriber();
    if (tooLate !== undefined) {
      const event = { type: 'conflict', layer: 'process', waitedMs: 0 } as const;
      this.emit(run.key, options.traceparent, event);
      throw tooLate;
    }
    // A request must not read the stream of another request: its duplicate waits, and gets a copy.
    if (live !== undefined && isBoundToRequest()) return run.untilEnded(options, calledAt);
    return this.#wait(run, options, calledAt, 'duplicate', caller);
  }

  /** A run of another payload is in progress; `undefined` if it has ended. */
  async #refuseToJoin(run: SharedRun, options: InnerCallOptions): Promise<undefined> {
    // Only the store knows for which payload the key stands.
    await run.untilClaimAnswered(options.signal);
    if (run.phase === 'claiming') return undefined;
    if (run.live === undefined) return this.#refuseMismatch(run.key, options);
    this.emit(run.key, options.traceparent, { type: 'mismatch', layer: 'process' });
    throw mismatch(run.key, run.currentRecord);
  }

  async #refuseMismatch(key: string, { traceparent, signal }: InnerCallOptions): Promise<never> {
    this.emit(key, traceparent, { type: 'mismatch', layer: 'process' });
    const read = this.store.read(key).catch(() => ({ record: undefined }));
    const { record } = await untilAborted(read, signal);
    throw mismatch(key, record);
  }

  #replay<T>(key: string, cached: CachedResult, { traceparent }: InnerCallOptions): Detailed<T> {
    // It was found just now. Another look at the clock would take a tenth of the replay.
    const ageMs = Math.max(0, this.#cache.readAtMs - cached.finishedAtMs);
    const event = { type: 'replayed', layer: 'process', ageMs, runMs: cached.runMs } as const;
    const value = this.#give<T>(key, traceparent, event, cached.result);
    return { value, outcome: 'replayed', layer: 'process', ageMs };
  }

  /** Answers the caller that started the run. */
  #deliver<T>(key: string, settled: RunOutcome, { traceparent }: InnerCallOptions): Detailed<T> {
    const { outcome, result, ended, ageMs, waitedMs, runMs } = settled;
    const layer = ended === undefined ? 'store' : 'process';
    if (ended !== undefined) return { value: ended.own() as T, outcome, layer, ageMs };
    const event =
      outcome === 'joined'
        ? ({ type: outcome, layer, waitedMs, joinedTraceparent: undefined, runMs } as const)
        : ({ type: 'replayed', layer, ageMs, runMs } as const);
    const value = this.#give<T>(key, traceparent, event, result);
    return { value, outcome, layer, ageMs };
  }

  #deliverToJoined<T>(
    run: SharedRun,
    { result, ageMs, runMs }: RunOutcome,
    { traceparent }: InnerCallOptions,
    waitedMs: number,
  ): Detailed<T> {
    const joinedTraceparent = run.traceparent;
    const event = { type: 'joined', layer: 'process', waitedMs, joinedTraceparent, runMs } as const;
    const value = this.#give<T>(run.key, traceparent, event, result);
    return { value, outcome: 'joined', layer: 'process', ageMs };
  }

  /** Counts a duplicate that reads an arriving value. Its event waits for the whole value, which contains the usage. */
  #tellOfSubscriber(run: SharedRun, { traceparent }: InnerCallOptions, waitedMs: number): void {
    const { key } = run;
    const { settings } = this;
    const joinedTraceparent = run.traceparent;
    const event = { type: 'joined', layer: 'process', waitedMs, joinedTraceparent } as const;
    this.#count(event);
    if (settings.savingOf === undefined || settings.onEvent === undefined) {
      this.#tell(key, traceparent, event);
      return;
    }
    const savedBy = ({ ended, result, runMs }: RunOutcome) => ({
      ...this.#savedBy(
        ended?.type === 'done' ? ended.value : decodeResult(key, result, settings.codec),
      ),
      runMs,
    });
    const told = run.settled
      .then(savedBy)
      .catch(ignore)
      .then((saved) => this.#tell(key, traceparent, { ...event, ...saved }));
    this.finishLater(told);
  }

  /** Decodes a result, or a stored error, for a duplicate and emits its event. */
  #give<T>(
    key: string,
    traceparent: string | undefined,
    event: EventBody,
    result: StoredResult,
  ): T {
    let told = event;
    try {
      const value = decodeResult(key, result, this.settings.codec) as T;
      const saved = this.#savedBy(value);
      if (saved !== undefined) told = { ...event, ...saved };
      return value;
    } catch (error) {
      if (error instanceof OnceError) {
        told = unreadableEvent(error, 'hold');
        // The next call reads the store.
        this.#cache.delete(key);
      }
      throw error;
    } finally {
      this.emit(key, traceparent, told);
    }
  }

  #savedBy(value: unknown): { saved: Saved } | undefined {
    const { savingOf, onEvent } = this.settings;
    if (savingOf === undefined || onEvent === undefined) return undefined;
    try {
      const saved = savingOf(value as never);
      return saved && !ignoreRejection(saved) ? { saved } : undefined;
    } catch {
      // `savingOf` must not affect the call.
      return undefined;
    }
  }
}
