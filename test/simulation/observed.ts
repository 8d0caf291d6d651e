import type { FunctionPlan } from './configuration.js';
import type { Process } from './world.js';

/** The invariants; docs/simulation.md has a sentence for each. */
export type Invariant =
  | 'one live owner'
  | 'started under a valid lease'
  | 'fencing tokens grow'
  | 'attempts are counted'
  | 'callers receive the stored result'
  | 'a result is not replaced'
  | 'own fingerprint only'
  | 'unstored results are not replayed'
  | 'not after its ttl'
  | 'not after evict'
  | 'fresh is fresh'
  | 'nothing is withheld'
  | 'an abort affects its caller only'
  | 'an abort ends the wait'
  | 'no run without a caller'
  | 'one failed renewal loses no lease'
  | 'no lease without an owner'
  | 'a late success counts'
  | 'every call settles'
  | 'no unhandled rejection'
  | 'a bounded number of store calls'
  | 'counts add up'
  | 'close is the end';

/** One run of a caller's function. */
export interface Run {
  readonly number: number;
  readonly process: Process;
  readonly call: Call;
  readonly plan: FunctionPlan;
  readonly token: number;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly startedAt: number;
  endedAt: number | undefined;
  /** Whether it returned a value; `undefined` while it runs. */
  hasValue: boolean | undefined;
  /** When its result was written into the store: by the sequence and by the clock. */
  keptAt: number | undefined;
  keptAtMs: number | undefined;
  /** When its event was emitted. */
  toldAt: number | undefined;
}

/** One call of `once` by a caller. */
export interface Call {
  readonly label: string;
  readonly process: Process;
  readonly plan: FunctionPlan;
  readonly fingerprint: string | undefined;
  readonly fresh: boolean;
  readonly startedAt: number;
  readonly startedAtMs: number;
  readonly controller: AbortController | undefined;
  readonly reason: Error;
  abortedAt: number | undefined;
  answeredAt: number | undefined;
  /** Its answer. */
  answer: { readonly run: number; readonly outcome: string; readonly layer: string } | undefined;
  error: unknown;
  /** The name of its own function. */
  own: Run | undefined;
}

/** A claim that was granted. */
export interface Claim {
  readonly process: Process;
  readonly owner: string;
  readonly token: number;
  readonly attempt: number;
  /** Whether it took effect after its process stopped trying to release it. */
  readonly isVeryLate: boolean;
  /** Whether it, or a renewal of it, took effect after its process was closed. */
  isAfterClose: boolean;
  hasReply: boolean;
  /** Whether its process knows of it and has not released it. */
  isTold: boolean;
  run: Run | undefined;
}

export interface Eviction {
  readonly process: Process;
  /** The run whose result was evicted. */
  readonly run: Run | undefined;
  readonly at: number;
  /** When its caller received the answer. */
  toldAt: number | undefined;
}
