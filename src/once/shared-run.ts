import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
} from '../runtime/runtime.js';
import type { StoreRecord } from '../store/store.js';
import { type AbortSource, LazyAbort, untilAborted, whenAborted } from './abort.js';
import type { Alarms } from './alarms.js';
import type { InnerCallOptions } from './call.js';
import type { RunContext } from './call-function.js';
import { Changes } from './changes.js';
import { Abandoned, type RunOutcome, type RunPlan, runUnderClaim } from './claim-and-run.js';
import { inRun } from './deadlock.js';
import { inProgress } from './errors.js';
import type { GuardedStore } from './guarded-store.js';
import { Heartbeat, RequestGoneError } from './heartbeat.js';
import type { LiveFunction, Subscriber } from './live.js';
import type { OnceSettings } from './options.js';
import type { EventBody, RunTools } from './run.js';

/** The parts of a `once` that its runs share. */
export interface SharedRunHost {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly renewals: Alarms;
  readonly timeLimits: Alarms | undefined;
  /** Whether no new run may start. */
  readonly isClosed: boolean;
  emit(key: string, traceparent: string | undefined, event: EventBody): void;
  /** Makes `close` wait for `work`. */
  finishLater(work: Promise<unknown>): void;
}

/** One run of a key, and the callers that wait for it. */
export class SharedRun implements RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort = new LazyAbort();
  readonly key: string;
  readonly fingerprint: string | undefined;
  readonly traceparent: string | undefined;
  /** The outcome. On a platform that binds promises to requests it may never settle: see `untilSettled`. */
  readonly settled: Promise<RunOutcome>;
  /** The function, if callers read its value while the value arrives. */
  readonly live: LiveFunction | undefined;
  /** The same as `settled`, or `undefined` as soon as subscribers of `live` can start to read. */
  readonly #answered: Promise<RunOutcome | undefined>;
  readonly #heartbeat: Heartbeat | undefined;
  /** Whether its result was evicted while it was in progress. */
  isEvicted = false;
  /** Whether every caller had aborted before the function was called. */
  wasAbandoned = false;
  /** Asking the store, waiting for another process's run, running the function, or writing its outcome. */
  phase: 'claiming' | 'waiting' | 'running' | 'writing' = 'claiming';
  /** The record of the run that it waits for. */
  currentRecord: StoreRecord | undefined;
  readonly #host: SharedRunHost;
  #waiterCount = 0;
  /** Called at every new phase. */
  #phaseListeners: Set<() => void> | undefined;
  #changes: Changes | undefined;

  constructor(
    plan: RunPlan,
    live: LiveFunction | undefined,
    traceparent: string | undefined,
    host: SharedRunHost,
  ) {
    this.settings = host.settings;
    this.store = host.store;
    this.key = plan.key;
    this.fingerprint = plan.fingerprint;
    this.traceparent = traceparent;
    this.#host = host;
    this.live = live;
    const { key, fn, fingerprint, fresh } = plan;
    if (live === undefined) {
      const run = (context: RunContext) => inRun(this, fn, context);
      this.settled = runUnderClaim({ key, fingerprint, fresh, fn: run }, this);
      this.#answered = this.settled;
    } else {
      let onArriving = () => {};
      const finishLater = (work: Promise<unknown>) => this.finishLater(work);
      const run = (context: RunContext) =>
        inRun(this, () => live.run(context, onArriving, finishLater));
      this.settled = runUnderClaim({ key, fingerprint, fresh, fn: run }, this);
      this.#answered = new Promise((resolve, reject) => {
        onArriving = () => resolve(undefined);
        this.settled.then(resolve, reject);
      });
      // Each waiter receives the error; there may be no waiter left.
      this.#answered.catch(() => {});
    }
    if (!isBoundToRequest()) return;
    const heartbeat = new Heartbeat(this.settings.leaseMs);
    this.#heartbeat = heartbeat;
    const stop = () => heartbeat.stop();
    this.settled.then(stop, stop);
  }

  get renewals(): Alarms {
    return this.#host.renewals;
  }

  get timeLimits(): Alarms | undefined {
    return this.#host.timeLimits;
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
    this.phase = phase;
    this.currentRecord = currentRecord;
    if (this.#phaseListeners !== undefined) for (const look of this.#phaseListeners) look();
  }

  async untilChanged(mostMs: number): Promise<void> {
    if (this.isAbandoned || this.isClosed) return;
    this.#changes ??= new Changes(this.store, this.key);
    await this.#changes.next(mostMs);
  }

  stopWaiting(): void {
    this.#changes?.stop();
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
   * that is arriving. Returns `undefined`, or rejects with `Abandoned`, if the run had already been
   * given up because every earlier caller left. The caller is counted before anything is awaited, so a
   * caller that leaves in the same tick is not the last one.
   */
  join(
    options: InnerCallOptions,
    calledAt: number,
    isDuplicate: boolean,
  ): Promise<RunOutcome | Subscriber | undefined> {
    // A caller without a limit of its own stays to the end of the run, so it is never counted off. All
    // such callers wait for one promise.
    const isLimited = options.signal !== undefined || this.settings.waitMs !== undefined;
    if (!isLimited && this.live === undefined && this.#heartbeat === undefined) {
      this.#waiterCount++;
      return this.#answered;
    }
    return this.#whileWaiting(options, () => this.#untilAnswered(options, calledAt, isDuplicate));
  }

  /**
   * Returns the outcome if the store had one already.
   *
   * @throws {OnceError} `SAMEKEY_IN_PROGRESS` if there is a run, here or in another process.
   */
  joinIfIdle(
    options: InnerCallOptions,
    calledAt: number,
  ): Promise<RunOutcome | Subscriber | undefined> {
    return this.#whileWaiting(options, async () => {
      await this.untilClaimAnswered(options.signal);
      if (this.phase === 'claiming' || this.isGone) {
        return this.#untilAnswered(options, calledAt, true);
      }
      const layer = this.phase === 'waiting' ? 'store' : 'process';
      const event = { type: 'conflict', layer, waitedMs: 0 } as const;
      this.#host.emit(this.key, options.traceparent, event);
      throw inProgress(this.key, this.currentRecord, 0);
    });
  }

  /** Resolves when the store has answered the claim, or the run has ended. */
  async untilClaimAnswered(signal: AbortSource | undefined): Promise<void> {
    if (this.phase !== 'claiming') return;
    const answered = new Promise<void>((resolve) => {
      this.#listen(resolve);
      this.untilSettled().then(
        () => resolve(),
        () => resolve(),
      );
    });
    await untilAborted(answered, signal);
  }

  /** Resolves when the run has ended, with any outcome. */
  async untilEnded(options: InnerCallOptions, calledAt: number): Promise<undefined> {
    const ended: Promise<unknown> = this.untilSettled().catch(() => {});
    if (this.live === undefined) await untilAborted(ended, options.signal);
    else await this.#withinWaitMs(ended, options, calledAt, true);
  }

  #listen(look: () => void): void {
    this.#phaseListeners ??= new Set();
    this.#phaseListeners.add(look);
  }

  async #whileWaiting(
    { signal }: InnerCallOptions,
    wait: () => Promise<RunOutcome | undefined>,
  ): Promise<RunOutcome | Subscriber | undefined> {
    this.#waiterCount++;
    const subscriber = this.live?.subscribe(signal, () => this.#leave());
    let isReading = false;
    try {
      const outcome = await wait();
      if (outcome !== undefined) return outcome;
      // It is counted until it has read everything, or has cancelled.
      isReading = true;
      return subscriber;
    } catch (error) {
      if (error instanceof Abandoned || error instanceof RequestGoneError) return undefined;
      const isLast = this.#waiterCount === 1;
      const isAbandoned = signal?.aborted && isLast && subscriber === undefined;
      if (isAbandoned && this.settings.onAbandoned === 'abort') this.abort.abort(signal.reason);
      throw error;
    } finally {
      if (subscriber === undefined) this.#leave();
      else if (!isReading) subscriber.cancel();
    }
  }

  /** Called when a caller has its answer or has aborted. */
  #leave(): void {
    this.#waiterCount--;
    if (this.#waiterCount > 0) return;
    this.wasAbandoned ||= this.phase === 'claiming' || this.phase === 'waiting';
    this.wake();
    // A value whose end is known is stored, with or without a reader.
    const isDecided = this.phase === 'writing' || !this.live?.isOpen;
    if (isDecided || this.settings.onAbandoned === 'keep') return;
    this.abort.abort(new DOMException('Every caller has aborted', 'AbortError'));
  }

  #untilAnswered(
    options: InnerCallOptions,
    calledAt: number,
    isDuplicate: boolean,
  ): Promise<RunOutcome | undefined> {
    const answered = this.#heartbeat?.until(this.#answered) ?? this.#answered;
    const isLimited = isDuplicate && this.live !== undefined;
    return this.#withinWaitMs(answered, options, calledAt, isLimited);
  }

  /**
   * `promise`, or an error once the caller has waited `waitMs` for a run of another process. The time
   * of a run in this process counts only for a duplicate of a live function.
   */
  #withinWaitMs<T>(
    promise: Promise<T>,
    { signal, traceparent }: InnerCallOptions,
    calledAt: number,
    countsOwnRun: boolean,
  ): Promise<T> {
    const { waitMs } = this.settings;
    if (waitMs === undefined) return untilAborted(promise, signal);
    // One promise for all ways to end: 10,000 callers may wait for one run.
    return new Promise((resolve, reject) => {
      let isLongEnough = waitMs === 0 && !countsOwnRun;
      let timer: Timer | undefined;
      let stopListening = () => {};
      let hasEnded = false;
      const end = () => {
        hasEnded = true;
        clearTimer(timer);
        this.#phaseListeners?.delete(look);
        stopListening();
      };
      const refuse = (error: unknown) => {
        end();
        reject(error);
      };
      const look = () => {
        // Only then does its time count.
        if (this.phase !== 'waiting' && !countsOwnRun) return;
        if (!isLongEnough) {
          const time = () => {
            isLongEnough = true;
            look();
          };
          timer ??= setTimer(time, Math.max(0, waitMs - (monotonicMs() - calledAt)));
          return;
        }
        const waitedMs = countsOwnRun ? waitMs : Math.round(monotonicMs() - calledAt);
        const layer = countsOwnRun ? 'process' : 'store';
        this.#host.emit(this.key, traceparent, { type: 'conflict', layer, waitedMs });
        refuse(inProgress(this.key, this.currentRecord, waitedMs));
      };
      promise.then((value) => {
        end();
        resolve(value);
      }, refuse);
      if (!countsOwnRun) this.#listen(look);
      look();
      if (signal === undefined || hasEnded) return;
      stopListening = whenAborted(signal, () => refuse(signal.reason));
    });
  }
}
