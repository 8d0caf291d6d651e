import { monotonicMs } from '../runtime/runtime.js';
import { whenAborted } from './abort.js';
import type { Alarm } from './alarms.js';
import type { InnerCallOptions } from './call.js';
import { Abandoned, type RunOutcome } from './claim-and-run.js';
import { RequestGoneError } from './heartbeat.js';
import type { Subscriber } from './live.js';
import type { SharedRun } from './shared-run.js';

/** `starter`: it started the run. `duplicate`: it joined it. `idle`: it is refused if anything runs. */
export type WaiterRole = 'starter' | 'duplicate' | 'idle';

/** What a waiter resolves to: the outcome, or a subscription; `undefined` if the run was given up. */
export type WaiterAnswer = RunOutcome | Subscriber | undefined;

/**
 * One caller that waits for a run, within its own limits. One object for all ways in which the wait can
 * end, because 10,000 callers may wait for one run. It leaves the run in the same tick in which its signal
 * aborts, so that no function starts for a caller that has gone.
 */
export class Waiter {
  readonly #run: SharedRun;
  readonly #options: InnerCallOptions;
  readonly #calledAt: number;
  readonly #role: WaiterRole;
  readonly #resolve: (answer: WaiterAnswer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #subscriber: Subscriber | undefined;
  #alarm: Alarm | undefined;
  #isLongEnough: boolean;
  #stopListening: (() => void) | undefined;
  #hasEnded = false;

  constructor(
    run: SharedRun,
    options: InnerCallOptions,
    calledAt: number,
    role: WaiterRole,
    resolve: (answer: WaiterAnswer) => void,
    reject: (error: unknown) => void,
  ) {
    this.#run = run;
    this.#options = options;
    this.#calledAt = calledAt;
    this.#role = role;
    this.#resolve = resolve;
    this.#reject = reject;
    const { signal } = options;
    this.#subscriber = run.live?.subscribe(signal, () => run.leave(role));
    this.#isLongEnough = run.settings.waitMs === 0 && !this.#countsOwnRun;
    this.look();
    if (this.#hasEnded) return;
    if (!this.#isLongEnough && role !== 'idle') {
      this.#alarm = run.waitLimits?.set(() => this.#ring(), calledAt);
    }
    if (signal !== undefined) {
      this.#stopListening = whenAborted(signal, () => this.refuse(signal.reason));
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The run has an outcome, or `undefined` as soon as subscribers can read. */
  settle(outcome: RunOutcome | undefined): void {
    if (this.#hasEnded) return;
    this.#end();
    // A subscriber is counted until it has read everything, or has cancelled.
    if (outcome !== undefined) this.#leave();
    this.#resolve(outcome ?? this.#subscriber);
  }

  /** The run failed, or this caller waits no longer. */
  refuse(error: unknown): void {
    if (this.#hasEnded) return;
    this.#end();
    const { signal } = this.#options;
    const { abort, settings, waiterCount } = this.#run;
    const isGivenUp = error instanceof Abandoned || error instanceof RequestGoneError;
    const isLast = waiterCount === 1;
    const isAbandoned = signal?.aborted && isLast && this.#subscriber === undefined;
    if (isAbandoned && !isGivenUp && settings.onAbandoned === 'abort') abort.abort(signal.reason);
    this.#leave();
    if (isGivenUp) this.#resolve(undefined);
    else this.#reject(error);
  }

  /** Refuses the caller if the phase of the run, or the time that it has waited, demands it. */
  look(): void {
    if (this.#hasEnded) return;
    const run = this.#run;
    const { phase } = run;
    if (this.#role === 'idle' && phase !== 'claiming' && !run.isGone) {
      this.refuse(run.conflict(this.#options, phase === 'waiting' ? 'store' : 'process', 0));
      return;
    }
    // Only while another process runs the key does the time count.
    if (!this.#isLongEnough || (phase !== 'waiting' && !this.#countsOwnRun)) return;
    const waitedMs = Math.round(monotonicMs() - this.#calledAt);
    this.refuse(
      this.#countsOwnRun
        ? run.conflict(this.#options, 'process', run.settings.waitMs ?? waitedMs)
        : run.conflict(this.#options, 'store', waitedMs),
    );
  }

  /** The time of a run in this process counts only for a duplicate of a live function. */
  get #countsOwnRun(): boolean {
    return this.#role !== 'starter' && this.#run.live !== undefined;
  }

  #ring(): void {
    this.#isLongEnough = true;
    this.look();
  }

  #leave(): void {
    if (this.#subscriber === undefined) this.#run.leave(this.#role);
    else this.#subscriber.cancel();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#run.remove(this);
    if (this.#alarm !== undefined) this.#run.waitLimits?.clear(this.#alarm);
    this.#stopListening?.();
  }
}
