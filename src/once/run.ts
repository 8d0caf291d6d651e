import { monotonicMs } from '../runtime/runtime.js';
import type { ClaimRequest, StoreRecord } from '../store/store.js';
import { isAnother } from '../store/transition.js';
import type { LazyAbort } from './abort.js';
import type { Alarms } from './alarms.js';
import {
  type Ended,
  type EndedWithoutResult,
  type EndedWithResult,
  FunctionCall,
  RunContext,
} from './call-function.js';
import type { CallerLimits } from './caller-limits.js';
import { leaseLost, OnceError, UnstorableResultError } from './errors.js';
import type { OnceEvent } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import { Lease } from './lease.js';
import type { OnceSettings } from './options.js';
import { openResult, type StoredResult, storedResult } from './stored-result.js';
import { type Written, writeOutcome } from './write.js';

/** The result of a run. */
export interface RunResult {
  /** The result as duplicates receive it. */
  readonly result: StoredResult;
  /** The end of the function. Missing if another owner ran it. */
  readonly ended?: EndedWithResult;
  /** Whether the store has the result. If not, only the callers that wait now receive it. */
  readonly isStored: boolean;
  /** The fingerprint of the payload that the function ran for. */
  readonly fingerprint: string | undefined;
  /** The time since the run ended, and until the result expires. */
  readonly ageMs: number;
  readonly leftMs: number;
  /** How long the run took. */
  readonly runMs: number;
}

/** An event without the members that `emit` adds: the key and the caller's trace. */
export type EventBody =
  Exclude<OnceEvent, { readonly type: 'optionError' }> extends infer Each
    ? Each extends unknown
      ? Omit<Each, 'key' | 'traceparent'>
      : never
    : never;

/** The event of a result that cannot be read. */
export const unreadableEvent = (
  { codec = '', keyId }: OnceError,
  decision: 'hold' | 'retry',
): EventBody => ({ type: 'unreadable', decision, codec, keyId });

export interface RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort: LazyAbort;
  readonly limits: CallerLimits | undefined;
  readonly account: string | undefined;
  /** How long the result is stored. */
  readonly ttlMs: number;
  /** Alarms after a third of `leaseMs`. */
  readonly renewals: Alarms;
  /** Alarms after `timeoutMs`. */
  readonly timeLimits: Alarms | undefined;
  /** Whether no caller waits for the result any longer. */
  readonly isAbandoned: boolean;
  /** Whether no new run may start. */
  readonly isClosed: boolean;
  /** Whether this process evicted the key since the run started. */
  readonly isEvicted: boolean;
  /** Records what the run does from now on. */
  setPhase(phase: 'waiting' | 'running' | 'writing', currentRecord?: StoreRecord): void;
  /** Waits until the record changes, at most `maxMs`; returns at once if no caller waits. */
  untilChanged(maxMs: number): Promise<void>;
  /** Makes `close` wait for `work`. */
  finishLater(work: Promise<unknown>): void;
  emit(event: EventBody): void;
}

/** A granted claim. */
export interface Claim {
  readonly request: ClaimRequest;
  readonly record: StoreRecord;
  /** The monotonic time before the claim was sent. */
  readonly sentAt: number;
}

/** A run under a granted claim. It takes no promise for a step that has its answer at once. */
export class ClaimedRun {
  readonly #key: string;
  readonly #claim: Claim;
  readonly #tools: RunTools;
  readonly #lease: Lease;
  readonly #call: FunctionCall;
  readonly #startedAt: number;

  constructor(key: string, claim: Claim, tools: RunTools) {
    this.#key = key;
    this.#claim = claim;
    this.#tools = tools;
    const { attempt, fencingToken } = claim.record;
    const context = new RunContext(key, attempt, fencingToken, tools.abort);
    this.#call = new FunctionCall(context, tools.settings, tools.timeLimits);
    this.#lease = new Lease(key, claim, tools, () => this.#call.interrupt(leaseLost(key)));
    this.#startedAt = monotonicMs();
  }

  /** Calls the function. */
  start(fn: (context: RunContext) => unknown): Ended | Promise<Ended> {
    return this.#call.start(fn);
  }

  /** Writes the outcome. */
  finish(ended: Ended): RunResult | Promise<RunResult> {
    this.#tools.setPhase('writing');
    const durationMs = monotonicMs() - this.#startedAt;
    if (!isResult(ended)) return this.#fail(ended, durationMs);
    const { encryption } = this.#tools.settings;
    if (encryption === undefined) return this.#write(ended, ended.result, durationMs);
    const refuse = (error: unknown) =>
      this.#fail({ type: 'free', error: unencrypted(this.#key, ended, error) }, durationMs);
    let sealed: StoredResult | Promise<StoredResult>;
    try {
      sealed = encryption.seal(this.#key, ended.result);
    } catch (error) {
      return refuse(error);
    }
    return sealed instanceof Promise
      ? sealed.then((result) => this.#write(ended, result, durationMs), refuse)
      : this.#write(ended, sealed, durationMs);
  }

  /** Writes the result as the store keeps it. The cache and the callers get that of `ended`. */
  #write(
    ended: EndedWithResult,
    kept: StoredResult,
    durationMs: number,
  ): RunResult | Promise<RunResult> {
    const { owner } = this.#claim.record;
    const written = writeOutcome(this.#key, owner, kept, this.#lease, this.#tools);
    return written instanceof Promise
      ? written.then((outcome) => this.#conclude(ended, outcome, durationMs))
      : this.#conclude(ended, written, durationMs);
  }

  /** There is no result to write. */
  async #fail({ type, error }: EndedWithoutResult, durationMs: number): Promise<RunResult> {
    const lease = this.#lease;
    if (type === 'lost') return this.#lose();
    if (lease.wasUncertain && type !== 'unsettled') {
      // Its signal aborted while the lease was uncertain. Its effects until then are unknown.
      await lease.end();
      return this.#lose({ cause: error });
    }
    this.#emitFailed(error, durationMs, false, type !== 'free');
    // A function that has not settled may still act, so the next run counts as another attempt.
    const isUnknown =
      type === 'unsettled' || (type === 'unknown' && this.#tools.settings.onUnknown !== 'retry');
    await (isUnknown ? lease.end() : this.#release());
    throw error;
  }

  #conclude(
    ended: EndedWithResult,
    written: Written,
    durationMs: number,
  ): RunResult | Promise<RunResult> {
    if (written.type !== 'written') return this.#concludeUnwritten(ended, written, durationMs);
    this.#lease.stop();
    const leftMs = this.#tools.ttlMs - written.writtenForMs;
    return this.#deliver(ended, durationMs, true, leftMs);
  }

  async #concludeUnwritten(
    ended: EndedWithResult,
    written: Exclude<Written, { type: 'written' }>,
    durationMs: number,
  ): Promise<RunResult> {
    const lease = this.#lease;
    const isLost =
      written.type === 'lost' ||
      (written.type === 'unwritten' && !lease.isCertain && (await this.#hasOtherOwner()));
    if (isLost) {
      return this.#lose(ended.type === 'done' ? { value: ended.value } : { cause: ended.error });
    }
    if (written.type === 'full') {
      const error =
        ended.type === 'done' ? storeFull(this.#key, ended.value, written.cause) : ended.error;
      this.#emitFailed(error, durationMs, false, false);
      await this.#release();
      throw error;
    }
    // Only its callers know the result. For the store the outcome is unknown from now on.
    this.#tools.finishLater(lease.end());
    return this.#deliver(ended, durationMs, false, 0);
  }

  #deliver(
    ended: EndedWithResult,
    durationMs: number,
    isStored: boolean,
    leftMs: number,
  ): RunResult {
    const { attempt, fencingToken } = this.#claim.record;
    if (ended.type === 'done') {
      this.#tools.emit({ type: 'executed', attempt, fencingToken, durationMs, kept: isStored });
    } else {
      this.#emitFailed(ended.error, durationMs, isStored, false);
    }
    const { fingerprint } = this.#claim.request;
    const { result } = ended;
    return { result, ended, isStored, fingerprint, ageMs: 0, leftMs, runMs: durationMs };
  }

  #emitFailed(error: unknown, durationMs: number, stored: boolean, unknown: boolean): void {
    const { attempt } = this.#claim.record;
    this.#tools.emit({ type: 'failed', attempt, durationMs, error, stored, unknown });
  }

  /** Frees the key for the next caller. */
  #release(): Promise<void> {
    const lease = this.#lease;
    lease.stop();
    return this.#tools.store.release(this.#key, this.#claim.record.owner, lease.mayArriveLate);
  }

  /** Asks the store whether another owner has the key. */
  async #hasOtherOwner(): Promise<boolean> {
    const { record } = await this.#tools.store.read(this.#key).catch(() => ({ record: undefined }));
    return record !== undefined && record.owner !== this.#claim.record.owner;
  }

  /** Another owner has the key, or may have it. Returns that owner's result, if it is stored already. */
  async #lose(
    more: { readonly value?: unknown; readonly cause?: unknown } = {},
  ): Promise<RunResult> {
    const key = this.#key;
    const { record: own, request } = this.#claim;
    const tools = this.#tools;
    const { store, abort } = tools;
    const lease = this.#lease;
    lease.stop();
    if (lease.mayArriveLate) tools.finishLater(store.release(key, own.owner, true));
    tools.emit({ type: 'leaseLost', fencingToken: own.fencingToken });
    const error = leaseLost(key, more);
    abort.abort(error);
    const { record, nowMs } = await store.read(key).catch(() => ({ record: undefined, nowMs: 0 }));
    const stored = record && storedResult(record);
    // A result of another payload is not an answer, and an older result does not answer a fresh call.
    const isAnswer =
      record !== undefined &&
      !isAnother(record.fingerprint, request.fingerprint) &&
      (!request.takeFinished || (record.finishedAtMs ?? 0) > own.claimedAtMs);
    if (stored === undefined || !isAnswer) throw error;
    const opened = openResult(key, stored, tools.settings);
    const result = opened instanceof Promise ? await opened : opened;
    if (result instanceof OnceError) throw error;
    const { fingerprint, expiresAtMs } = record;
    const times = timesOf(record, nowMs);
    return { result, isStored: true, fingerprint, leftMs: expiresAtMs - nowMs, ...times };
  }
}

/** Returns how old the result of a finished record is, and how long its run took. */
export function timesOf(
  { claimedAtMs, finishedAtMs }: StoreRecord,
  nowMs: number,
): { readonly ageMs: number; readonly runMs: number } {
  const endedAtMs = finishedAtMs ?? nowMs;
  return { ageMs: Math.max(0, nowMs - endedAtMs), runMs: Math.max(0, endedAtMs - claimedAtMs) };
}

/** Runs the function without a claim, because the store has failed. */
export async function runUnprotected(
  key: string,
  fn: (context: RunContext) => unknown,
  fingerprint: string | undefined,
  tools: RunTools,
): Promise<RunResult> {
  const startedAt = monotonicMs();
  const context = new RunContext(key, 1, 0, tools.abort);
  const ended = await new FunctionCall(context, tools.settings, tools.timeLimits).start(fn);
  tools.setPhase('writing');
  const durationMs = monotonicMs() - startedAt;
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt: 1, fencingToken: 0, durationMs, kept: false });
    const { result } = ended;
    const unstored = { isStored: false, ageMs: 0, leftMs: 0 };
    return { result, ended, fingerprint, runMs: durationMs, ...unstored };
  }
  const { type, error } = ended;
  const unknown = type === 'unknown' || type === 'unsettled';
  tools.emit({ type: 'failed', attempt: 1, durationMs, error, stored: false, unknown });
  throw error;
}

/** The store has no room for the result, and another attempt would not change that. */
const storeFull = (key: string, value: unknown, cause: unknown) =>
  new UnstorableResultError(
    'SAMEKEY_STORE_FULL',
    key,
    cause instanceof Error ? cause.message : String(cause),
    value,
    cause,
  );

/** A result that cannot be encrypted is not stored. */
function unencrypted(key: string, ended: EndedWithResult, error: unknown): unknown {
  if (ended.type !== 'done') return ended.error;
  const reason = error instanceof Error ? error.message : String(error);
  const what = `it cannot be encrypted: ${reason}`;
  return new UnstorableResultError('SAMEKEY_UNSTORABLE', key, what, ended.value, error);
}

const isResult = (ended: Ended): ended is EndedWithResult => Object.hasOwn(ended, 'result');
