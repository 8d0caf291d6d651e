import { monotonicMs } from '../runtime/runtime.js';
import type { ClaimRequest, StoreRecord } from '../store/store.js';
import { isAnother } from '../store/transition.js';
import type { LazyAbort } from './abort.js';
import type { Alarms } from './alarms.js';
import { leaseLost, UnstorableResultError } from './errors.js';
import type { OnceEvent } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import { type Kept, keptIn } from './kept.js';
import { Lease } from './lease.js';
import type { OnceSettings } from './options.js';
import { Interruption, RunContext, settle } from './settle.js';
import { writeOutcome } from './write.js';

/** What a run came to. `kept` is what others get; the function's own value is for who ran it. */
export interface RunResult {
  readonly kept: Kept;
  /** Gives the function's own value, or throws its error; there is none if another owner was first. */
  readonly own?: () => unknown;
  /** Whether the store has it. What it does not have is for those who wait now, and for nobody else. */
  readonly isKept: boolean;
  /** Of the payload whose result it is. */
  readonly fingerprint: string | undefined;
  /** How long ago the result was made, and how much longer it is kept. */
  readonly ageMs: number;
  readonly leftMs: number;
}

/** An event without what `emit` adds: the key and the caller's trace. */
export type EventBody = OnceEvent extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'key' | 'traceparent'>
    : never
  : never;

export interface RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort: LazyAbort;
  /** After a third of `leaseMs`. */
  readonly renewals: Alarms;
  /** Whether nobody waits for the result any longer. */
  readonly isAbandoned: boolean;
  /** Whether no run may be begun any longer. */
  readonly isClosed: boolean;
  /** Whether the key was evicted in this process meanwhile. */
  readonly isEvicted: boolean;
  /** Says what it does from now on. */
  setPhase(phase: 'waiting' | 'running' | 'writing', currentRecord?: StoreRecord): void;
  /** Waits until the record has changed, `mostMs` at most, and not for nobody. */
  untilChanged(mostMs: number): Promise<void>;
  stopWaiting(): void;
  /** Lets `close` wait for this. */
  finishLater(work: Promise<unknown>): void;
  emit(event: EventBody): void;
}

/** A claim that was granted. */
export interface Claim {
  readonly request: ClaimRequest;
  readonly record: StoreRecord;
  /** From before the claim was sent. */
  readonly sentAt: number;
}

/** Runs the function under a claim, and writes what came of it. */
export async function runClaimed(
  key: string,
  claim: Claim,
  fn: (context: RunContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const { settings, store, abort } = tools;
  const { owner, attempt, fencingToken } = claim.record;
  const interruption = new Interruption();
  const lease = new Lease(store, key, claim.request, claim.sentAt, tools.renewals, {
    get isEvicted() {
      return tools.isEvicted;
    },
    finishLater: (work) => tools.finishLater(work),
    onUncertain: () => abort.abort(leaseLost(key)),
    onLost: () => interruption.raise(leaseLost(key)),
  });
  const giveBack = () => {
    lease.stop();
    return store.release(key, owner, lease.mayBeClaimedLate);
  };
  const startedAt = monotonicMs();
  const context = new RunContext(key, attempt, fencingToken, abort);
  const ended = await settle(context, fn, settings, interruption);
  tools.setPhase('writing');
  const durationMs = monotonicMs() - startedAt;
  const failed = (error: unknown, stored: boolean, unknown = false) =>
    tools.emit({ type: 'failed', attempt, durationMs, error, stored, unknown });
  if (ended.type === 'lost') return lose(key, claim, lease, tools);
  if (!('kept' in ended)) {
    const { type, error } = ended;
    if (lease.wasUncertain && type !== 'unsettled') {
      // It was told to stop while the lease was uncertain, and nobody knows what it did until then.
      await lease.end();
      return lose(key, claim, lease, tools, { cause: error });
    }
    failed(error, false, type !== 'free');
    // A function that has not settled may still act: the next run is another attempt, in any case.
    const isOpen = type === 'unsettled' || (type === 'unknown' && settings.onUnknown !== 'retry');
    await (isOpen ? lease.end() : giveBack());
    throw error;
  }
  const written = await writeOutcome(key, owner, ended.kept, lease, tools);
  const isLost =
    written.type === 'lost' ||
    (written.type === 'unkept' && !lease.isCertain && (await isOthers(key, owner, store)));
  if (isLost) {
    const more = ended.type === 'done' ? { value: ended.own() } : { cause: ended.error };
    return lose(key, claim, lease, tools, more);
  }
  if (written.type === 'full') {
    const error = ended.type === 'done' ? noRoom(key, ended.own(), written.cause) : ended.error;
    failed(error, false);
    await giveBack();
    throw error;
  }
  const isKept = written.type === 'kept';
  // What it did is known to its callers alone: for the store its outcome is unknown from now on.
  if (isKept) lease.stop();
  else tools.finishLater(lease.end());
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt, fencingToken, durationMs, kept: isKept });
  } else {
    failed(ended.error, isKept);
  }
  const { kept, own } = ended;
  const { fingerprint } = claim.request;
  const leftMs = isKept ? settings.ttlMs - written.writtenForMs : 0;
  return { kept, own, isKept, fingerprint, ageMs: 0, leftMs };
}

/** Whether another owner has the key, as far as the store says. */
async function isOthers(key: string, owner: string, store: GuardedStore): Promise<boolean> {
  const { record } = await store.read(key).catch(() => ({ record: undefined }));
  return record !== undefined && record.owner !== owner;
}

/** Runs the function though the store has failed. */
export async function runUnprotected(
  key: string,
  fn: (context: RunContext) => unknown,
  fingerprint: string | undefined,
  tools: RunTools,
): Promise<RunResult> {
  const startedAt = monotonicMs();
  const context = new RunContext(key, 1, 0, tools.abort);
  const ended = await settle(context, fn, tools.settings, new Interruption());
  tools.setPhase('writing');
  const durationMs = monotonicMs() - startedAt;
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt: 1, fencingToken: 0, durationMs, kept: false });
    const { kept, own } = ended;
    return { kept, own, isKept: false, fingerprint, ageMs: 0, leftMs: 0 };
  }
  const { type, error } = ended;
  const unknown = type === 'unknown' || type === 'unsettled';
  tools.emit({ type: 'failed', attempt: 1, durationMs, error, stored: false, unknown });
  throw error;
}

/** Another owner has the key, or may have it: its result, if there is one by now. */
async function lose(
  key: string,
  { record: own, request }: Claim,
  lease: Lease,
  tools: RunTools,
  more: { readonly value?: unknown; readonly cause?: unknown } = {},
): Promise<RunResult> {
  const { store, abort } = tools;
  lease.stop();
  if (lease.mayBeClaimedLate) tools.finishLater(store.release(key, own.owner, true));
  tools.emit({ type: 'leaseLost', fencingToken: own.fencingToken });
  const error = leaseLost(key, more);
  abort.abort(error);
  const { record, nowMs } = await store.read(key).catch(() => ({ record: undefined, nowMs: 0 }));
  const kept = record && keptIn(record);
  // A result of another payload is nobody's answer here; nor is one from before, to who wants it fresh.
  const isAnswer =
    record !== undefined &&
    !isAnother(record.fingerprint, request.fingerprint) &&
    (!request.takeFinished || (record.finishedAtMs ?? 0) > own.claimedAtMs);
  if (kept === undefined || !isAnswer) throw error;
  const { fingerprint, finishedAtMs, expiresAtMs } = record;
  const ageMs = Math.max(0, nowMs - (finishedAtMs ?? nowMs));
  return { kept, isKept: true, fingerprint, ageMs, leftMs: expiresAtMs - nowMs };
}

/** The store says that there is no room for the result, and asking again would not make any. */
const noRoom = (key: string, value: unknown, cause: unknown) =>
  new UnstorableResultError(
    'SAMEKEY_STORE_FULL',
    key,
    cause instanceof Error ? cause.message : String(cause),
    value,
    cause,
  );
