import { monotonicMs } from '../runtime/runtime.js';
import type { ClaimRequest, StoreRecord } from '../store/store.js';
import { isAnother } from '../store/transition.js';
import type { LazyAbort } from './abort.js';
import type { Alarms } from './alarms.js';
import { callFunction, Interruption, RunContext } from './call-function.js';
import { leaseLost, UnstorableResultError } from './errors.js';
import type { OnceEvent } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import { Lease } from './lease.js';
import type { OnceSettings } from './options.js';
import { type StoredResult, storedResult } from './stored-result.js';
import { writeOutcome } from './write.js';

/** The result of a run. */
export interface RunResult {
  /** The result as duplicates receive it. */
  readonly result: StoredResult;
  /** Returns the function's own value, or throws its error. Missing if another owner ran it. */
  readonly own?: () => unknown;
  /** Whether the store has the result. If not, only the callers that wait now receive it. */
  readonly isStored: boolean;
  /** The fingerprint of the payload that the function ran for. */
  readonly fingerprint: string | undefined;
  /** The time since the run ended, and until the result expires. */
  readonly ageMs: number;
  readonly leftMs: number;
}

/** An event without the members that `emit` adds: the key and the caller's trace. */
export type EventBody = OnceEvent extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'key' | 'traceparent'>
    : never
  : never;

export interface RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort: LazyAbort;
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
  stopWaiting(): void;
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

/** Runs the function under a granted claim, and writes its outcome. */
export async function runClaimed(
  key: string,
  claim: Claim,
  fn: (context: RunContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const { settings, store, abort } = tools;
  const { owner, attempt, fencingToken } = claim.record;
  const interruption = new Interruption();
  const lease = new Lease(key, claim, tools, () => interruption.raise(leaseLost(key)));
  const startedAt = monotonicMs();
  const context = new RunContext(key, attempt, fencingToken, abort);
  const ended = await callFunction(context, fn, settings, tools.timeLimits, interruption);
  tools.setPhase('writing');
  const durationMs = monotonicMs() - startedAt;
  if (ended.type === 'lost') return loseLease(key, claim, lease, tools);
  if (!('result' in ended)) {
    const { type, error } = ended;
    if (lease.wasUncertain && type !== 'unsettled') {
      // Its signal aborted while the lease was uncertain. Its effects until then are unknown.
      await lease.end();
      return loseLease(key, claim, lease, tools, { cause: error });
    }
    const unknown = type !== 'free';
    tools.emit({ type: 'failed', attempt, durationMs, error, stored: false, unknown });
    // A function that has not settled may still act, so the next run counts as another attempt.
    const isUnknown =
      type === 'unsettled' || (type === 'unknown' && settings.onUnknown !== 'retry');
    await (isUnknown ? lease.end() : release(key, owner, lease, store));
    throw error;
  }
  const written = await writeOutcome(key, owner, ended.result, lease, tools);
  const isLost =
    written.type === 'lost' ||
    (written.type === 'unwritten' && !lease.isCertain && (await hasOtherOwner(key, owner, store)));
  if (isLost) {
    const more = ended.type === 'done' ? { value: ended.own() } : { cause: ended.error };
    return loseLease(key, claim, lease, tools, more);
  }
  if (written.type === 'full') {
    const error = ended.type === 'done' ? storeFull(key, ended.own(), written.cause) : ended.error;
    tools.emit({ type: 'failed', attempt, durationMs, error, stored: false, unknown: false });
    await release(key, owner, lease, store);
    throw error;
  }
  const isStored = written.type === 'written';
  // Only its callers know the result. For the store the outcome is unknown from now on.
  if (isStored) lease.stop();
  else tools.finishLater(lease.end());
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt, fencingToken, durationMs, kept: isStored });
  } else {
    const { error } = ended;
    tools.emit({ type: 'failed', attempt, durationMs, error, stored: isStored, unknown: false });
  }
  const { result, own } = ended;
  const { fingerprint } = claim.request;
  const leftMs = isStored ? settings.ttlMs - written.writtenForMs : 0;
  return { result, own, isStored, fingerprint, ageMs: 0, leftMs };
}

/** Frees the key for the next caller. */
function release(key: string, owner: string, lease: Lease, store: GuardedStore): Promise<void> {
  lease.stop();
  return store.release(key, owner, lease.mayArriveLate);
}

/** Asks the store whether another owner has the key. */
async function hasOtherOwner(key: string, owner: string, store: GuardedStore): Promise<boolean> {
  const { record } = await store.read(key).catch(() => ({ record: undefined }));
  return record !== undefined && record.owner !== owner;
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
  const ended = await callFunction(
    context,
    fn,
    tools.settings,
    tools.timeLimits,
    new Interruption(),
  );
  tools.setPhase('writing');
  const durationMs = monotonicMs() - startedAt;
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt: 1, fencingToken: 0, durationMs, kept: false });
    const { result, own } = ended;
    return { result, own, isStored: false, fingerprint, ageMs: 0, leftMs: 0 };
  }
  const { type, error } = ended;
  const unknown = type === 'unknown' || type === 'unsettled';
  tools.emit({ type: 'failed', attempt: 1, durationMs, error, stored: false, unknown });
  throw error;
}

/** Another owner has the key, or may have it. Returns that owner's result, if it is stored already. */
async function loseLease(
  key: string,
  { record: own, request }: Claim,
  lease: Lease,
  tools: RunTools,
  more: { readonly value?: unknown; readonly cause?: unknown } = {},
): Promise<RunResult> {
  const { store, abort } = tools;
  lease.stop();
  if (lease.mayArriveLate) tools.finishLater(store.release(key, own.owner, true));
  tools.emit({ type: 'leaseLost', fencingToken: own.fencingToken });
  const error = leaseLost(key, more);
  abort.abort(error);
  const { record, nowMs } = await store.read(key).catch(() => ({ record: undefined, nowMs: 0 }));
  const result = record && storedResult(record);
  // A result of another payload is not an answer, and an older result does not answer a fresh call.
  const isAnswer =
    record !== undefined &&
    !isAnother(record.fingerprint, request.fingerprint) &&
    (!request.takeFinished || (record.finishedAtMs ?? 0) > own.claimedAtMs);
  if (result === undefined || !isAnswer) throw error;
  const { fingerprint, finishedAtMs, expiresAtMs } = record;
  const ageMs = Math.max(0, nowMs - (finishedAtMs ?? nowMs));
  return { result, isStored: true, fingerprint, ageMs, leftMs: expiresAtMs - nowMs };
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
