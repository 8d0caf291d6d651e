import { monotonicMs, sleep } from '../runtime/runtime.js';
import type { ClaimResult, StoreRecord } from '../store/store.js';
import type { LazyAbort } from './abort.js';
import type { Alarms } from './alarms.js';
import { leaseLost, type OnceError, UnstorableResultError } from './errors.js';
import type { OnceEvent } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import { type Kept, keptIn } from './kept.js';
import { Lease } from './lease.js';
import type { OnceSettings } from './options.js';
import { Interruption, RunContext, settle } from './settle.js';

/** What a run came to. `kept` is what others get; the function's own value is for who ran it. */
export interface RunResult {
  readonly kept: Kept;
  /** Gives the function's own value, or throws its error; there is none if another owner was first. */
  readonly own?: () => unknown;
  readonly record: StoreRecord | undefined;
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
  /** Says what it does from now on. */
  enter(phase: 'waiting' | 'running', standing?: StoreRecord): void;
  /** Waits until the record has changed, `mostMs` at most, and not for nobody. */
  untilChanged(mostMs: number): Promise<void>;
  stopWaiting(): void;
  emit(event: EventBody): void;
}

/** What is waited for while a result is to be written and the store fails. */
const RETRY_MS = 100;

/** Runs the function under a claim, and writes what came of it. */
export async function runClaimed(
  key: string,
  { record }: ClaimResult,
  claimedAt: number,
  fn: (context: RunContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const { settings, store } = tools;
  const { owner, attempt, fencingToken } = record;
  const interruption = new Interruption();
  const lease = new Lease(store, key, owner, settings.leaseMs, tools.renewals, claimedAt, () =>
    interruption.raise(leaseLost(key)),
  );
  const startedAt = monotonicMs();
  const context = new RunContext(key, attempt, fencingToken, tools.abort);
  const ended = await settle(context, fn, settings, interruption);
  const durationMs = monotonicMs() - startedAt;
  const failed = (error: unknown, stored: boolean, unknown = false) =>
    tools.emit({ type: 'failed', attempt, durationMs, error, stored, unknown });
  if (ended.type === 'lost') return lose(key, fencingToken, lease, tools);
  if (!('kept' in ended)) {
    const { type, error } = ended;
    failed(error, false, type !== 'free');
    // One that has not settled is still at it: the next run is another attempt, in any case.
    const isOpen = type === 'unsettled' || (type === 'unknown' && settings.onUnknown !== 'retry');
    await (isOpen ? lease.end() : giveBack(key, owner, lease, store));
    throw error;
  }
  const written = await write(key, owner, ended.kept, lease, tools);
  if (written === 'lost') return lose(key, fencingToken, lease, tools);
  if (written !== 'kept') {
    const error = ended.type === 'done' ? noRoom(key, ended.own(), written.cause) : ended.error;
    failed(error, false);
    await giveBack(key, owner, lease, store);
    throw error;
  }
  lease.stop();
  if (ended.type === 'done') tools.emit({ type: 'executed', attempt, fencingToken, durationMs });
  else failed(ended.error, true);
  return { kept: ended.kept, own: ended.own, record };
}

/** Leaves the key as if nothing had been run. */
async function giveBack(
  key: string,
  owner: string,
  lease: Lease,
  store: GuardedStore,
): Promise<void> {
  lease.stop();
  await store.release(key, owner).catch(() => {});
}

/** Runs the function though the store has failed. */
export async function runUnprotected(
  key: string,
  fn: (context: RunContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const startedAt = monotonicMs();
  const context = new RunContext(key, 1, 0, tools.abort);
  const ended = await settle(context, fn, tools.settings, new Interruption());
  const durationMs = monotonicMs() - startedAt;
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt: 1, fencingToken: 0, durationMs });
    return { kept: ended.kept, own: ended.own, record: undefined };
  }
  const { type, error } = ended;
  const unknown = type === 'unknown' || type === 'unsettled';
  tools.emit({ type: 'failed', attempt: 1, durationMs, error, stored: false, unknown });
  throw error;
}

/** Another owner has the key: its result, if there is one by now. */
async function lose(
  key: string,
  fencingToken: number,
  lease: Lease,
  tools: RunTools,
): Promise<RunResult> {
  const { store, abort } = tools;
  lease.stop();
  tools.emit({ type: 'leaseLost', fencingToken });
  const error = leaseLost(key);
  abort.abort(error);
  const { record } = await store.read(key).catch(() => ({ record: undefined }));
  const kept = record && keptIn(record);
  if (record !== undefined && kept !== undefined) return { kept, record };
  throw error;
}

/**
 * Writes an outcome, unless the key is another owner's by now, or the store has no room for it. A
 * store that fails is asked again as long as the lease holds. After that the result is given to the
 * callers all the same: the call was made, and to keep its result from them would have them make it
 * again.
 */
async function write(
  key: string,
  owner: string,
  kept: Kept,
  lease: Lease,
  { settings, store }: RunTools,
): Promise<'kept' | 'lost' | { readonly cause: unknown }> {
  for (;;) {
    try {
      const isOurs = await store.complete(key, owner, { ...kept, ttlMs: settings.ttlMs });
      return isOurs ? 'kept' : 'lost';
    } catch (error) {
      const { cause } = error as OnceError;
      if ((cause as { code?: unknown } | undefined)?.code === 'SAMEKEY_STORE_FULL')
        return { cause };
      if (lease.leftMs <= RETRY_MS) return 'kept';
      await sleep(RETRY_MS);
    }
  }
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
