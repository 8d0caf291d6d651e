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
import { Abandoned, type FlightPlan, fly, type Landing } from './claim-and-run.js';
import { inRun } from './deadlock.js';
import { inProgress } from './errors.js';
import type { GuardedStore } from './guarded-store.js';
import { Heartbeat, RequestGoneError } from './heartbeat.js';
import type { OnceSettings } from './options.js';
import type { EventBody, RunTools } from './run.js';

/** What all flights of one `once` share. */
export interface Airline {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly renewals: Alarms;
  /** Whether no run may be begun any longer. */
  readonly isClosed: boolean;
  emit(key: string, traceparent: string | undefined, event: EventBody): void;
  /** Lets `close` wait for this. */
  finishLater(work: Promise<unknown>): void;
}

/** A flight and who is on it. */
export class Flight implements RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort = new LazyAbort();
  readonly key: string;
  readonly fingerprint: string | undefined;
  readonly traceparent: string | undefined;
  /** Settles in any case where promises are not bound to requests; see `untilLanded`. */
  readonly landing: Promise<Landing>;
  readonly #heartbeat: Heartbeat | undefined;
  /** Whether its result was evicted while it was under way. */
  isEvicted = false;
  /** Asking the store, waiting for another process's run, running the function, or writing its outcome. */
  phase: 'looking' | 'waiting' | 'running' | 'writing' = 'looking';
  /** What it waits for. */
  standing: StoreRecord | undefined;
  readonly #airline: Airline;
  #passengers = 0;
  /** Are called at every new phase. */
  readonly #watchful = new Set<() => void>();
  #changes: Changes | undefined;

  constructor(plan: FlightPlan, traceparent: string | undefined, airline: Airline) {
    this.settings = airline.settings;
    this.store = airline.store;
    this.key = plan.key;
    this.fingerprint = plan.fingerprint;
    this.traceparent = traceparent;
    this.#airline = airline;
    const fn: FlightPlan['fn'] = (context) => inRun(this, () => plan.fn(context));
    this.landing = fly({ ...plan, fn }, this);
    if (!isBoundToRequest()) return;
    const heartbeat = new Heartbeat(this.settings.leaseMs);
    this.#heartbeat = heartbeat;
    const stop = () => heartbeat.stop();
    this.landing.then(stop, stop);
  }

  get renewals(): Alarms {
    return this.#airline.renewals;
  }

  get isAbandoned(): boolean {
    return this.#passengers === 0;
  }

  get isClosed(): boolean {
    return this.#airline.isClosed;
  }

  /** Whether the request that started it is gone, and it with that. */
  get isGone(): boolean {
    return this.#heartbeat?.isGone ?? false;
  }

  /** The landing, for other requests too: rejects with `RequestGoneError` if there will be none. */
  untilLanded(): Promise<Landing> {
    return this.#heartbeat?.until(this.landing) ?? this.landing;
  }

  emit(event: EventBody): void {
    this.#airline.emit(this.key, this.traceparent, event);
  }

  enter(phase: 'waiting' | 'running' | 'writing', standing?: StoreRecord): void {
    this.phase = phase;
    this.standing = standing;
    for (const look of this.#watchful) look();
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
    this.#airline.finishLater(work);
  }

  /** Ends its wait for another process's run. */
  wake(): void {
    this.#changes?.wake();
  }

  /**
   * Waits for the landing, for as long as this passenger wants to; `undefined` if it boarded when
   * everybody else had left, and the flight had been given up. Nothing is awaited before the
   * passenger counts: another one that leaves in the same tick is not the last.
   */
  async board(options: InnerCallOptions, calledAt: number): Promise<Landing | undefined> {
    return this.#aboard(options, () => this.#landed(options, calledAt));
  }

  /**
   * The landing if it was only a look at what was there.
   *
   * @throws {OnceError} `SAMEKEY_IN_PROGRESS` if there is a run, here or in another process.
   */
  async boardIfIdle(options: InnerCallOptions, calledAt: number): Promise<Landing | undefined> {
    return this.#aboard(options, async () => {
      await this.untilLooked(options.signal);
      if (this.phase === 'looking' || this.isGone) return this.#landed(options, calledAt);
      const layer = this.phase === 'waiting' ? 'store' : 'process';
      const event = { type: 'conflict', layer, waitedMs: 0 } as const;
      this.#airline.emit(this.key, options.traceparent, event);
      throw inProgress(this.key, this.standing, 0);
    });
  }

  async #aboard(
    { signal }: InnerCallOptions,
    wait: () => Promise<Landing>,
  ): Promise<Landing | undefined> {
    this.#passengers++;
    try {
      return await wait();
    } catch (error) {
      if (error instanceof Abandoned || error instanceof RequestGoneError) return undefined;
      const isLast = this.#passengers === 1;
      if (signal?.aborted && isLast && this.settings.onAbandoned === 'abort') {
        this.abort.abort(signal.reason);
      }
      throw error;
    } finally {
      this.#passengers--;
      if (this.#passengers === 0) this.wake();
    }
  }

  #landed({ signal, traceparent }: InnerCallOptions, calledAt: number): Promise<Landing> {
    const { waitMs } = this.settings;
    if (waitMs === undefined) return untilAborted(this.untilLanded(), signal);
    return this.#untilWaited(waitMs, calledAt, signal, traceparent);
  }

  /** Resolves when it is known whether there is a run or a result; what it came to is no matter. */
  async untilLooked(signal: AbortSource | undefined): Promise<void> {
    if (this.phase !== 'looking') return;
    const looked = new Promise<void>((resolve) => {
      this.#watchful.add(resolve);
      this.untilLanded().then(
        () => resolve(),
        () => resolve(),
      );
    });
    await untilAborted(looked, signal);
  }

  /** The landing, or an error when the run of another process has been waited for long enough. */
  async #untilWaited(
    waitMs: number,
    calledAt: number,
    signal: AbortSource | undefined,
    traceparent: string | undefined,
  ): Promise<Landing> {
    let look = () => {};
    let timer: Timer | undefined;
    const left = new Promise<never>((_, reject) => {
      let isLongEnough = waitMs === 0;
      look = () => {
        if (!isLongEnough || this.phase !== 'waiting') return;
        const waitedMs = Math.round(monotonicMs() - calledAt);
        const event = { type: 'conflict', layer: 'store', waitedMs } as const;
        this.#airline.emit(this.key, traceparent, event);
        this.#watchful.delete(look);
        reject(inProgress(this.key, this.standing, waitedMs));
      };
      const end = () => {
        isLongEnough = true;
        look();
      };
      timer = setTimer(end, Math.max(0, waitMs - (monotonicMs() - calledAt)));
    });
    this.#watchful.add(look);
    try {
      look();
      return await untilAborted(Promise.race([this.untilLanded(), left]), signal);
    } finally {
      clearTimer(timer);
      this.#watchful.delete(look);
    }
  }
}
