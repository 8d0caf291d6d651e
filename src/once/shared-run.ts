import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
} from '../runtime/runtime.js';
import type { StoreRecord } from '../store/store.js';
import { type AbortSource, LazyAbort, untilAborted } from './abort.js';
import type { Alarms } from './alarms.js';
import type { InnerCallOptions } from './call.js';
import { Changes } from './changes.js';
import { Abandoned, type RunOutcome, type RunPlan, runUnderClaim } from './claim-and-run.js';
import { inRun } from './deadlock.js';
import { inProgress } from './errors.js';
import type { GuardedStore } from './guarded-store.js';
import { Heartbeat, RequestGoneError } from './heartbeat.js';
import type { OnceSettings } from './options.js';
import type { EventBody, RunTools } from './run.js';

/** What all runs of one `once` share. */
export interface SharedRunHost {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly renewals: Alarms;
  /** Whether no run may be begun any longer. */
  readonly isClosed: boolean;
  emit(key: string, traceparent: string | undefined, event: EventBody): void;
  /** Lets `close` wait for this. */
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
  /** Settles in any case where promises are not bound to requests; see `untilSettled`. */
  readonly settled: Promise<RunOutcome>;
  readonly #heartbeat: Heartbeat | undefined;
  /** Whether its result was evicted while it was under way. */
  isEvicted = false;
  /** Asking the store, waiting for another process's run, running the function, or writing its outcome. */
  phase: 'claiming' | 'waiting' | 'running' | 'writing' = 'claiming';
  /** What it waits for. */
  currentRecord: StoreRecord | undefined;
  readonly #host: SharedRunHost;
  #waiterCount = 0;
  /** Are called at every new phase. */
  readonly #phaseListeners = new Set<() => void>();
  #changes: Changes | undefined;

  constructor(plan: RunPlan, traceparent: string | undefined, host: SharedRunHost) {
    this.settings = host.settings;
    this.store = host.store;
    this.key = plan.key;
    this.fingerprint = plan.fingerprint;
    this.traceparent = traceparent;
    this.#host = host;
    const fn: RunPlan['fn'] = (context) => inRun(this, () => plan.fn(context));
    this.settled = runUnderClaim({ ...plan, fn }, this);
    if (!isBoundToRequest()) return;
    const heartbeat = new Heartbeat(this.settings.leaseMs);
    this.#heartbeat = heartbeat;
    const stop = () => heartbeat.stop();
    this.settled.then(stop, stop);
  }

  get renewals(): Alarms {
    return this.#host.renewals;
  }

  get isAbandoned(): boolean {
    return this.#waiterCount === 0;
  }

  get isClosed(): boolean {
    return this.#host.isClosed;
  }

  /** Whether the request that started it is gone, and it with that. */
  get isGone(): boolean {
    return this.#heartbeat?.isGone ?? false;
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
    for (const look of this.#phaseListeners) look();
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

  /** Ends its wait for another process's run. */
  wake(): void {
    this.#changes?.wake();
  }

  /**
   * Waits for the outcome until this caller's own limits. Returns `undefined` if the run had already
   * been given up because every earlier caller left. The caller is counted before anything is awaited,
   * so a caller that leaves in the same tick is not the last one.
   */
  async join(options: InnerCallOptions, calledAt: number): Promise<RunOutcome | undefined> {
    return this.#whileWaiting(options, () => this.#untilOutcome(options, calledAt));
  }

  /**
   * Returns the outcome if the store had one already.
   *
   * @throws {OnceError} `SAMEKEY_IN_PROGRESS` if there is a run, here or in another process.
   */
  async joinIfIdle(options: InnerCallOptions, calledAt: number): Promise<RunOutcome | undefined> {
    return this.#whileWaiting(options, async () => {
      await this.untilClaimAnswered(options.signal);
      if (this.phase === 'claiming' || this.isGone) return this.#untilOutcome(options, calledAt);
      const layer = this.phase === 'waiting' ? 'store' : 'process';
      const event = { type: 'conflict', layer, waitedMs: 0 } as const;
      this.#host.emit(this.key, options.traceparent, event);
      throw inProgress(this.key, this.currentRecord, 0);
    });
  }

  async #whileWaiting(
    { signal }: InnerCallOptions,
    wait: () => Promise<RunOutcome>,
  ): Promise<RunOutcome | undefined> {
    this.#waiterCount++;
    try {
      return await wait();
    } catch (error) {
      if (error instanceof Abandoned || error instanceof RequestGoneError) return undefined;
      const isLast = this.#waiterCount === 1;
      if (signal?.aborted && isLast && this.settings.onAbandoned === 'abort') {
        this.abort.abort(signal.reason);
      }
      throw error;
    } finally {
      this.#waiterCount--;
      if (this.#waiterCount === 0) this.wake();
    }
  }

  #untilOutcome({ signal, traceparent }: InnerCallOptions, calledAt: number): Promise<RunOutcome> {
    const { waitMs } = this.settings;
    if (waitMs === undefined) return untilAborted(this.untilSettled(), signal);
    return this.#untilWaited(waitMs, calledAt, signal, traceparent);
  }

  /** Resolves when it is known whether there is a run or a result; what it came to is no matter. */
  async untilClaimAnswered(signal: AbortSource | undefined): Promise<void> {
    if (this.phase !== 'claiming') return;
    const looked = new Promise<void>((resolve) => {
      this.#phaseListeners.add(resolve);
      this.untilSettled().then(
        () => resolve(),
        () => resolve(),
      );
    });
    await untilAborted(looked, signal);
  }

  /** The outcome, or an error once the caller has waited `waitMs` for another process. */
  async #untilWaited(
    waitMs: number,
    calledAt: number,
    signal: AbortSource | undefined,
    traceparent: string | undefined,
  ): Promise<RunOutcome> {
    let look = () => {};
    let timer: Timer | undefined;
    const left = new Promise<never>((_, reject) => {
      let isLongEnough = waitMs === 0;
      look = () => {
        if (!isLongEnough || this.phase !== 'waiting') return;
        const waitedMs = Math.round(monotonicMs() - calledAt);
        const event = { type: 'conflict', layer: 'store', waitedMs } as const;
        this.#host.emit(this.key, traceparent, event);
        this.#phaseListeners.delete(look);
        reject(inProgress(this.key, this.currentRecord, waitedMs));
      };
      const end = () => {
        isLongEnough = true;
        look();
      };
      timer = setTimer(end, Math.max(0, waitMs - (monotonicMs() - calledAt)));
    });
    this.#phaseListeners.add(look);
    try {
      look();
      return await untilAborted(Promise.race([this.untilSettled(), left]), signal);
    } finally {
      clearTimer(timer);
      this.#phaseListeners.delete(look);
    }
  }
}
