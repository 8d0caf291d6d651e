import { isBoundToRequest } from '../runtime/runtime.js';
import type { StoreRecord } from '../store/store.js';
import { type AbortSource, LazyAbort, untilAborted } from './abort.js';
import type { Alarm, Alarms } from './alarms.js';
import type { InnerCallOptions } from './call.js';
import type { RunContext } from './call-function.js';
import type { CallerLimits } from './caller-limits.js';
import { Changes } from './changes.js';
import { type RunOutcome, type RunPlan, runUnderClaim } from './claim-and-run.js';
import { type Awaited, inRun } from './deadlock.js';
import { inProgress, type OnceError } from './errors.js';
import type { Layer } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import { Heartbeat } from './heartbeat.js';
import type { LiveFunction } from './live.js';
import type { OnceSettings } from './options.js';
import type { EventBody, RunTools } from './run.js';
import { Waiter, type WaiterAnswer, type WaiterRole } from './waiter.js';

/** The parts of a `once` that its runs share. */
export interface SharedRunHost {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly renewals: Alarms;
  readonly timeLimits: Alarms | undefined;
  /** Alarms after `waitMs`. */
  readonly waitLimits: Alarms | undefined;
  readonly limits: CallerLimits | undefined;
  /** Whether no new run may start. */
  readonly isClosed: boolean;
  /** The run has an outcome, or has failed. */
  onEnded(run: SharedRun, outcome: RunOutcome | undefined): void;
  emit(key: string, traceparent: string | undefined, event: EventBody): void;
  /** Makes `close` wait for `work`. */
  finishLater(work: Promise<unknown>): void;
}

/** Asking the store, waiting for another process's run, running the function, or writing its outcome. */
type RunPhase = 'claiming' | 'waiting' | 'running' | 'writing';

/** One run of a key, and the callers that wait for it. */
export class SharedRun implements RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort = new LazyAbort();
  readonly key: string;
  /** Stands for the run in async contexts, which may outlive it and must not keep its outcome in memory. */
  readonly awaited: Awaited & { phase: RunPhase };
  readonly fingerprint: string | undefined;
  readonly traceparent: string | undefined;
  readonly ttlMs: number;
  /** The account that the limits of callers count it for, if there are any. */
  readonly account: string | undefined;
  /** Callers beside the one that started the run: they wait, or read its value. */
  duplicateCount = 0;
  /** The outcome. On a platform that binds promises to requests it may never settle: see `untilSettled`. */
  settled!: Promise<RunOutcome>;
  /** The function, if callers read its value while the value arrives. */
  readonly live: LiveFunction | undefined;
  /** Whether subscribers of `live` can start to read. */
  #isArriving = false;
  /** With a heartbeat, the same as `settled`, or `undefined` as soon as subscribers can start to read. */
  #answered: Promise<RunOutcome | undefined> | undefined;
  #heartbeat: Heartbeat | undefined;
  /** Whether its result was evicted while it was in progress. */
  isEvicted = false;
  /** Whether every caller had aborted before the function was called. */
  wasAbandoned = false;
  /** The record of the run that it waits for. */
  currentRecord: StoreRecord | undefined;
  readonly #host: SharedRunHost;
  readonly #onEnded: () => void;
  #waiterCount = 0;
  /** Those that wait for the answer within limits of their own. */
  #waiters: Set<Waiter> | undefined;
  /** Whether they are told of the outcome. */
  #isWatched = false;
  /** Called at every new phase. */
  #phaseListeners: Set<() => void> | undefined;
  #changes: Changes | undefined;

  constructor(
    plan: RunPlan,
    live: LiveFunction | undefined,
    traceparent: string | undefined,
    account: string | undefined,
    host: SharedRunHost,
    onEnded: () => void,
  ) {
    this.settings = host.settings;
    this.store = host.store;
    this.key = plan.key;
    this.awaited = { key: plan.key, phase: 'claiming' };
    this.fingerprint = plan.fingerprint;
    this.traceparent = traceparent;
    this.ttlMs = plan.ttlMs;
    this.account = account;
    this.#host = host;
    this.live = live;
    this.#onEnded = onEnded;
  }

  /** Claims the key, and so on. The function is called later than this. */
  start(plan: RunPlan): void {
    if (isBoundToRequest()) this.#heartbeat = new Heartbeat(this.settings.leaseMs);
    const { live } = this;
    const { fn } = plan;
    if (live === undefined) {
      const run = (context: RunContext) => inRun(this.awaited, fn, context);
      this.settled = runUnderClaim({ ...plan, fn: run }, this);
      return;
    }
    let onArriving = () => {
      this.#isArriving = true;
      this.#settleWaiters(undefined);
    };
    const finishLater = (work: Promise<unknown>) => this.finishLater(work);
    const call = (context: RunContext) => live.run(context, onArriving, finishLater);
    const run = live.mayCallOnce
      ? (context: RunContext) => inRun(this.awaited, call, context)
      : call;
    this.settled = runUnderClaim({ ...plan, fn: run }, this);
    if (this.#heartbeat === undefined) return;
    this.#answered = new Promise((resolve, reject) => {
      onArriving = () => resolve(undefined);
      this.settled.then(resolve, reject);
    });
    // Each waiter receives the error; there may be no waiter left.
    this.#answered.catch(() => {});
  }

  get phase(): RunPhase {
    return this.awaited.phase;
  }

  get renewals(): Alarms {
    return this.#host.renewals;
  }

  get timeLimits(): Alarms | undefined {
    return this.#host.timeLimits;
  }

  get waitLimits(): Alarms | undefined {
    return this.#host.waitLimits;
  }

  get limits(): CallerLimits | undefined {
    return this.#host.limits;
  }

  get waiterCount(): number {
    return this.#waiterCount;
  }

  get isAbandoned(): boolean {
    return this.#waiterCount === 0;
  }

  get isClosed(): boolean {
    return this.#host.isClosed;
  }

  /** Whether the request that started the run has ended, and the run with it. */
  get isGone(): boolean {
    return this.#heartbeat?.hasEnded ?? false;
  }

  /** The outcome, for other requests too: rejects with `RequestGoneError` if the run was cut off. */
  untilSettled(): Promise<RunOutcome> {
    return this.#heartbeat?.until(this.settled) ?? this.settled;
  }

  emit(event: EventBody): void {
    this.#host.emit(this.key, this.traceparent, event);
  }

  setPhase(phase: 'waiting' | 'running' | 'writing', currentRecord?: StoreRecord): void {
    this.awaited.phase = phase;
    this.currentRecord = currentRecord;
    if (this.#waiters !== undefined) for (const waiter of this.#waiters) waiter.look();
    if (this.#phaseListeners !== undefined) for (const look of this.#phaseListeners) look();
  }

  async untilChanged(mostMs: number): Promise<void> {
    if (this.isAbandoned || this.isClosed) return;
    this.#changes ??= new Changes(this.store, this.key);
    await this.#changes.next(mostMs);
  }

  end(outcome: RunOutcome | undefined): void {
    this.#changes?.stop();
    this.#heartbeat?.stop();
    this.live?.release();
    this.#onEnded();
    this.#host.onEnded(this, outcome);
  }

  finishLater(work: Promise<unknown>): void {
    this.#host.finishLater(work);
  }

  /** Ends its wait for the run of another process. */
  wake(): void {
    this.#changes?.wake();
  }

  /**
   * Waits for the answer, within this caller's own limits: the outcome, or a subscription to a value
   * that is arriving. Resolves to `undefined`, or rejects with `Abandoned`, if the run had already been
   * given up because every earlier caller left. The caller is counted before anything is awaited, so a
   * caller that leaves in the same tick is not the last one.
   *
   * @throws {OnceError} `SAMEKEY_IN_PROGRESS` for a caller with the role `idle`, if there is a run here or
   * in another process.
   */
  join(options: InnerCallOptions, calledAt: number, role: WaiterRole): Promise<WaiterAnswer> {
    this.#waiterCount++;
    if (role !== 'starter') this.duplicateCount++;
    // A caller without a limit of its own stays to the end of the run, so it is never counted off. All
    // such callers wait for one promise.
    const isLimited =
      options.signal !== undefined || this.settings.waitMs !== undefined || role === 'idle';
    if (!isLimited && this.live === undefined && this.#heartbeat === undefined) {
      return this.settled;
    }
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this, options, calledAt, role, resolve, reject);
      if (this.#heartbeat === undefined) {
        this.#add(waiter);
        return;
      }
      // A request must not settle the promise of another one.
      this.#heartbeat.until<RunOutcome | undefined>(this.#answered ?? this.settled).then(
        (outcome) => waiter.settle(outcome),
        (error) => waiter.refuse(error),
      );
    });
  }

  /** One reaction to the outcome serves all waiters. */
  #add(waiter: Waiter): void {
    if (!this.#isWatched) {
      this.#isWatched = true;
      this.settled.then(
        (outcome) => this.#settleWaiters(outcome),
        (error) => {
          for (const each of this.#takeWaiters()) each.refuse(error);
        },
      );
    }
    if (this.#isArriving) waiter.settle(undefined);
    else if (!waiter.hasEnded) {
      this.#waiters ??= new Set();
      this.#waiters.add(waiter);
    }
  }

  #settleWaiters(outcome: RunOutcome | undefined): void {
    for (const each of this.#takeWaiters()) each.settle(outcome);
  }

  #takeWaiters(): Iterable<Waiter> {
    const waiters = this.#waiters ?? [];
    this.#waiters = undefined;
    return waiters;
  }

  remove(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
  }

  /** Resolves when the store has answered the claim, or the run has ended. */
  async untilClaimAnswered(signal: AbortSource | undefined): Promise<void> {
    if (this.phase !== 'claiming') return;
    const answered = new Promise<void>((resolve) => {
      this.#phaseListeners ??= new Set();
      this.#phaseListeners.add(resolve);
      this.untilSettled().then(
        () => resolve(),
        () => resolve(),
      );
    });
    this.duplicateCount++;
    try {
      await untilAborted(answered, signal);
    } finally {
      this.duplicateCount--;
    }
  }

  /** Resolves when the run has ended, with any outcome. A caller of a live function waits at most `waitMs`. */
  async untilEnded(options: InnerCallOptions, calledAt: number): Promise<undefined> {
    const ended: Promise<unknown> = this.untilSettled().catch(() => {});
    const { waitLimits } = this;
    this.duplicateCount++;
    let alarm: Alarm | undefined;
    try {
      if (this.live === undefined || waitLimits === undefined) {
        await untilAborted(ended, options.signal);
        return;
      }
      const { waitMs = 0 } = this.settings;
      let refuse = (_: unknown) => {};
      const refused = new Promise<never>((_, reject) => {
        refuse = reject;
      });
      const ring = () => refuse(this.conflict(options, 'process', waitMs));
      alarm = waitLimits.set(ring, calledAt);
      await untilAborted(Promise.race([ended, refused]), options.signal);
    } finally {
      this.duplicateCount--;
      if (alarm !== undefined) waitLimits?.clear(alarm);
    }
  }

  /** Tells of a caller that is refused, and returns the error for it. */
  conflict({ traceparent }: InnerCallOptions, layer: Layer, waitedMs: number): OnceError {
    this.#host.emit(this.key, traceparent, { type: 'conflict', layer, waitedMs });
    return inProgress(this.key, this.currentRecord, waitedMs);
  }

  /** Called when a caller has its answer or has aborted. */
  leave(role: WaiterRole): void {
    this.#waiterCount--;
    if (role !== 'starter') this.duplicateCount--;
    if (this.#waiterCount > 0) return;
    this.wasAbandoned ||= this.phase === 'claiming' || this.phase === 'waiting';
    this.wake();
    // A value whose end is known is stored, with or without a reader.
    const isDecided = this.phase === 'writing' || !this.live?.isOpen;
    if (isDecided || this.settings.onAbandoned === 'keep') return;
    this.abort.abort(new DOMException('Every caller has aborted', 'AbortError'));
  }
}
