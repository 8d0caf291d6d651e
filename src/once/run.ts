import type { ClaimResult, StoreRecord } from '../store/store.js';
import type { LazyAbort } from './abort.js';
import { jsonCodec, richCodec } from './codec.js';
import { leaseLost, type OnceError, timedOut, UnstorableResultError } from './errors.js';
import type { OnceEvent } from './events.js';
import type { GuardedStore } from './guarded-store.js';
import { type Kept, keptError, keptIn } from './kept.js';
import { Lease } from './lease.js';
import type { OnceSettings } from './options.js';

/** What the function is called with. */
export interface OnceContext {
  /** Aborts when the lease is lost, `timeoutMs` is over or, by `onAbandoned`, when all callers have left. */
  readonly signal: AbortSignal;
  readonly key: string;
  /** 1, or more if an owner before was never heard of again. */
  readonly attempt: number;
  /** Grows with every claim of the key; 0 if the store had failed. Whoever is written to can refuse a smaller one. */
  readonly fencingToken: number;
}

/** What a run came to. `kept` is what others get; the function's own value is for who ran it. */
export interface RunResult {
  readonly kept: Kept;
  /** Gives the function's own value, or throws its error; there is none if another owner was first. */
  readonly own?: () => unknown;
  readonly record: StoreRecord | undefined;
}

/** What `emit` adds to an event: the key and the caller's trace. */
export type Emit = (event: EventBody) => void;
export type EventBody = OnceEvent extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'key' | 'traceparent'>
    : never
  : never;

export interface RunTools {
  readonly settings: OnceSettings;
  readonly store: GuardedStore;
  readonly abort: LazyAbort;
  /** Whether nobody waits for the result any longer. */
  readonly isAbandoned: () => boolean;
  /** Whether no run may be begun any longer. */
  readonly isClosed: () => boolean;
  /** Has the flight's wait for another run ended by whoever calls it. */
  readonly onWake: (wake: () => void) => void;
  readonly emit: Emit;
}

/** What is waited for while a result is to be written and the store fails. */
const RETRY_MS = 100;

/** Runs the function under a claim, and writes what came of it. */
export async function runClaimed(
  key: string,
  { record }: ClaimResult,
  claimedAt: number,
  fn: (context: OnceContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const { settings, store, abort, emit } = tools;
  const { owner, attempt, fencingToken } = record;
  const interruption = new Interruption();
  const lease = new Lease(store, key, owner, settings.leaseMs, claimedAt, () =>
    interruption.raise(leaseLost(key)),
  );
  const startedAt = performance.now();
  const context = contextOf(key, attempt, fencingToken, abort);
  const ended = await settle(context, fn, tools, interruption);
  const durationMs = performance.now() - startedAt;
  if (ended.type === 'lost') return lose(key, fencingToken, lease, tools);
  if (ended.type !== 'done') {
    const { type, error } = ended;
    const unknown = type === 'unknown' || type === 'unsettled';
    emit({ type: 'failed', attempt, durationMs, error, stored: type === 'stored', unknown });
    if (ended.type !== 'stored') {
      // One that has not settled is still at it: the next run is another attempt, in any case.
      const isOpen = type === 'unsettled' || (unknown && settings.onUnknown !== 'retry');
      if (isOpen) await lease.end();
      else {
        lease.stop();
        await store.release(key, owner).catch(() => {});
      }
      throw error;
    }
  }
  const isOurs = await write(key, owner, ended.kept, lease, tools);
  if (!isOurs) return lose(key, fencingToken, lease, tools);
  lease.stop();
  if (ended.type === 'done') emit({ type: 'executed', attempt, fencingToken, durationMs });
  return { kept: ended.kept, own: ended.own, record };
}

/** Runs the function though the store has failed. */
export async function runUnprotected(
  key: string,
  fn: (context: OnceContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const startedAt = performance.now();
  const context = contextOf(key, 1, 0, tools.abort);
  const ended = await settle(context, fn, tools, new Interruption());
  const durationMs = performance.now() - startedAt;
  if (ended.type === 'done') {
    tools.emit({ type: 'executed', attempt: 1, fencingToken: 0, durationMs });
    return { kept: ended.kept, own: ended.own, record: undefined };
  }
  const { type, error } = ended;
  const unknown = type === 'unknown' || type === 'unsettled';
  tools.emit({ type: 'failed', attempt: 1, durationMs, error, stored: false, unknown });
  throw error;
}

/** How a function ended, and what that says about its key. */
type Ended =
  | { readonly type: 'done'; readonly kept: Kept; readonly own: () => unknown }
  | {
      readonly type: 'stored';
      readonly kept: Kept;
      readonly own: () => never;
      readonly error: unknown;
    }
  /** Nothing is to be kept; nobody knows what it did; it is still at it; somebody else has the key. */
  | { readonly type: 'free' | 'unknown' | 'unsettled' | 'lost'; readonly error: unknown };

async function settle(
  context: OnceContext,
  fn: (context: OnceContext) => unknown,
  tools: RunTools,
  interruption: Interruption,
): Promise<Ended> {
  const { settings, abort } = tools;
  let value: unknown;
  try {
    value = await call(fn, context, tools, interruption);
  } catch (error) {
    if (interruption.error !== undefined && error === interruption.error) {
      abort.abort(error);
      return { type: interruption.error.code === 'SAMEKEY_TIMEOUT' ? 'unsettled' : 'lost', error };
    }
    // An error about which it cannot say that it is none may be one.
    if (saysSo(settings.unknownErrors, error, true)) return { type: 'unknown', error };
    // But what is kept is kept for all: no more than it says.
    if (!saysSo(settings.storeErrors, error, false)) return { type: 'free', error };
    const own = () => {
      throw error;
    };
    return { type: 'stored', kept: keptError(error), own, error };
  }
  try {
    return { type: 'done', kept: toKept(context.key, value, settings), own: () => value };
  } catch (error) {
    return { type: 'free', error };
  }
}

/** What the caller's function says about an error; one that throws hides nothing from callers. */
function saysSo(says: (error: unknown) => boolean, error: unknown, otherwise: boolean): boolean {
  try {
    return says(error);
  } catch {
    return otherwise;
  }
}

/** Another owner has the key: its result, if there is one by now. */
async function lose(
  key: string,
  fencingToken: number,
  lease: Lease,
  { store, abort, emit }: RunTools,
): Promise<RunResult> {
  lease.stop();
  emit({ type: 'leaseLost', fencingToken });
  const error = leaseLost(key);
  abort.abort(error);
  const { record } = await store.read(key).catch(() => ({ record: undefined }));
  const kept = record && keptIn(record);
  if (record !== undefined && kept !== undefined) return { kept, record };
  throw error;
}

const contextOf = (
  key: string,
  attempt: number,
  fencingToken: number,
  abort: LazyAbort,
): OnceContext => ({
  key,
  attempt,
  fencingToken,
  get signal() {
    return abort.signal;
  },
});

/** What ends the wait for a function that may never settle. */
class Interruption {
  error: OnceError | undefined;
  #raise: (error: OnceError) => void = () => {};
  readonly raised = new Promise<never>((_, reject) => {
    this.#raise = reject;
  });

  constructor() {
    // It may come when nobody waits for it any longer.
    this.raised.catch(() => {});
  }

  raise(error: OnceError): void {
    this.error = error;
    this.#raise(error);
  }
}

async function call(
  fn: (context: OnceContext) => unknown,
  context: OnceContext,
  { settings: { timeoutMs }, abort }: RunTools,
  interruption: Interruption,
): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (timeoutMs !== undefined) {
    timer = setTimeout(() => {
      const error = timedOut(context.key, timeoutMs);
      interruption.raise(error);
      abort.abort(error);
    }, timeoutMs);
  }
  try {
    return await Promise.race([fn(context), interruption.raised]);
  } finally {
    clearTimeout(timer);
  }
}

/** A result as it is kept; throws for one that cannot be. */
export function toKept(key: string, value: unknown, { codec, maxResultBytes }: OnceSettings): Kept {
  let payload: Uint8Array;
  try {
    payload = codec.encode(value);
    // A codec of the caller's may give bytes that somebody goes on writing to.
    if (codec !== jsonCodec && codec !== richCodec) payload = payload.slice();
  } catch (error) {
    throw new UnstorableResultError(
      'SAMEKEY_UNSTORABLE',
      key,
      `the codec "${codec.name}" cannot write it: ${error instanceof Error ? error.message : String(error)}`,
      value,
      error,
    );
  }
  if (payload.length > maxResultBytes) {
    throw new UnstorableResultError(
      'SAMEKEY_TOO_LONG',
      key,
      `it takes ${payload.length} bytes, wanted at most ${maxResultBytes} (maxResultBytes)`,
      value,
    );
  }
  return { state: 'done', codec: codec.name, payload };
}

/**
 * Writes an outcome; `false` if it is not the owner's to write any longer. A store that fails is
 * asked again as long as the lease holds. After that the result is given to the callers all the
 * same: the call was made, and to keep its result from them would have them make it again.
 */
async function write(
  key: string,
  owner: string,
  kept: Kept,
  lease: Lease,
  { settings, store }: RunTools,
): Promise<boolean> {
  for (;;) {
    try {
      return await store.complete(key, owner, { ...kept, ttlMs: settings.ttlMs });
    } catch {
      if (lease.leftMs <= RETRY_MS) return true;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
