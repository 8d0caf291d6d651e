import type { AbortSource } from './abort.js';
import type { RunContext } from './call-function.js';

/** One caller's access to a value that is still arriving. */
export interface Subscriber {
  /** Ends the subscription of a caller that will not read: it was aborted, or has another answer. */
  cancel(): void;
}

/**
 * A function whose callers read its value while the value arrives, such as a response whose body is
 * still streaming in. `once` decides which callers subscribe; the function only hands out the value.
 */
export interface LiveFunction<S extends Subscriber = Subscriber> {
  /**
   * Resolves to the whole value, to be stored. Calls `onArriving` when subscribers can start to read.
   * May reject before subscribers have the end of the value: `finishLater` makes `close` wait for that.
   */
  run(
    context: RunContext,
    onArriving: () => void,
    finishLater: (work: Promise<unknown>) => void,
  ): Promise<unknown>;
  /**
   * Whether the end of the value is undecided. Once it is complete, or known to fail, no caller joins:
   * the store may still refuse it, and a failure belongs to the callers that already read it.
   */
  readonly isOpen: boolean;
  /** Whether the value is known to fail, or not to be stored. */
  readonly hasFailed: boolean;
  /** Whether its function may call `once` itself, and so wait for itself. */
  readonly mayCallOnce: boolean;
  /** The error for a new caller if the beginning of the value is no longer in memory. */
  refuseSubscriber(): Error | undefined;
  /** Adds a caller. Calls `onEnd` once, when the caller has read everything or has cancelled. */
  subscribe(signal: AbortSource | undefined, onEnd: () => void): S;
  /** Called when the run is over. Nobody counts subscribers any longer: they must not keep the run in memory. */
  release(): void;
}

/** How a caller starts a live function, if no run of the key is in progress. */
export interface LiveCall<S extends Subscriber = Subscriber> {
  readonly create: () => LiveFunction<S>;
  /** Called before the run starts, with a promise that resolves when the run has ended. */
  readonly onStart: ((settled: Promise<void>) => void) | undefined;
}
