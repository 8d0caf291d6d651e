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
  const lease = new Lease(store, key, owner, settings.leaseMs, claimedAt, () => {
    emit({ type: 'leaseLost', fencingToken });
    interruption.raise(leaseLost(key));
  });
  const startedAt = performance.now();
  const durationMs = () => performance.now() - startedAt;
  const lose = () => {
    emit({ type: 'leaseLost', fencingToken });
    const error = leaseLost(key);
    abort.abort(error);
    return afterLoss(key, error, store);
  };
  let value: unknown;
  try {
    value = await call(fn, contextOf(key, attempt, fencingToken, abort), tools, interruption);
  } catch (error) {
    if (interruption.error !== undefined && error === interruption.error) {
      lease.stop();
      abort.abort(error);
      return await afterLoss(key, interruption.error, store);
    }
    const isKept = isStored(error, settings);
    emit({ type: 'failed', attempt, durationMs: durationMs(), error, stored: isKept });
    if (!isKept) {
      lease.stop();
      await store.release(key, owner).catch(() => {});
      throw error;
    }
    const kept = keptError(error);
    const isOurs = await write(key, owner, kept, lease, tools);
    lease.stop();
    if (!isOurs) return await lose();
    return {
      kept,
      record,
      own: () => {
        throw error;
      },
    };
  }
  let kept: Kept;
  try {
    kept = toKept(key, value, settings);
  } catch (error) {
    lease.stop();
    await store.release(key, owner).catch(() => {});
    throw error;
  }
  const isOurs = await write(key, owner, kept, lease, tools);
  lease.stop();
  if (!isOurs) return await lose();
  emit({ type: 'executed', attempt, fencingToken, durationMs: durationMs() });
  return { kept, own: () => value, record };
}

/** Runs the function though the store has failed. */
export async function runUnprotected(
  key: string,
  fn: (context: OnceContext) => unknown,
  tools: RunTools,
): Promise<RunResult> {
  const startedAt = performance.now();
  const context = contextOf(key, 1, 0, tools.abort);
  const value = await call(fn, context, tools, new Interruption());
  const kept = toKept(key, value, tools.settings);
  const durationMs = performance.now() - startedAt;
  tools.emit({ type: 'executed', attempt: 1, fencingToken: 0, durationMs });
  return { kept, own: () => value, record: undefined };
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

function isStored(error: unknown, { storeErrors }: OnceSettings): boolean {
  try {
    return storeErrors(error);
  } catch {
    // What it says about this error is unknown, and the error itself is what callers must see.
    return false;
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

/** Another owner's result, if there is one by now. */
async function afterLoss(key: string, error: OnceError, store: GuardedStore): Promise<RunResult> {
  if (error.code === 'SAMEKEY_LEASE_LOST') {
    const { record } = await store.read(key).catch(() => ({ record: undefined }));
    const kept = record && keptIn(record);
    if (record !== undefined && kept !== undefined) return { kept, record };
  }
  throw error;
}
