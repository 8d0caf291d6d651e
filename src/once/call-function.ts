import type { LazyAbort } from './abort.js';
import type { Alarms } from './alarms.js';
import { jsonCodec, richCodec } from './codec.js';
import { type OnceError, timedOut, UnstorableResultError } from './errors.js';
import type { OnceSettings } from './options.js';
import { encodeError, type StoredResult } from './stored-result.js';

/** The argument of the function. */
export interface OnceContext {
  /** Aborts when the lease is lost, after `timeoutMs` or, with `onAbandoned: 'abort'`, when every caller has aborted. */
  readonly signal: AbortSignal;
  /** The key of this run. */
  readonly key: string;
  /** 1, or more if earlier attempts ended without an outcome. */
  readonly attempt: number;
  /** Grows with every claim of the key; 0 without a claim. A resource can refuse a smaller token than it has seen. */
  readonly fencingToken: number;
}

/** How a function ended. */
export type Ended =
  | { readonly type: 'done'; readonly result: StoredResult; readonly own: () => unknown }
  | {
      readonly type: 'stored';
      readonly result: StoredResult;
      readonly own: () => never;
      readonly error: unknown;
    }
  /** `free`: nothing is stored. `unknown`: its effects are unknown. `unsettled`: it may still run. `lost`: another owner has the key. */
  | { readonly type: 'free' | 'unknown' | 'unsettled' | 'lost'; readonly error: unknown };

/**
 * Calls the function, and waits until it settles, times out or is interrupted.
 *
 * @param timeLimits Alarms after `timeoutMs`.
 */
export function callFunction(
  context: RunContext,
  fn: (context: RunContext) => unknown,
  settings: OnceSettings,
  timeLimits: Alarms | undefined,
  interruption: Interruption,
): Promise<Ended> {
  // One promise, and none of `Promise.race`: each promise of a run took 0.5 µs on Node 20.
  return new Promise((resolve) => {
    const { timeoutMs = 0 } = settings;
    const alarm = timeLimits?.set(() => interruption.raise(timedOut(context.key, timeoutMs)));
    const end = (ended: Ended) => {
      interruption.onRaise = undefined;
      if (alarm !== undefined) timeLimits?.clear(alarm);
      resolve(ended);
    };
    interruption.onRaise = (error) => {
      end({ type: error.code === 'SAMEKEY_TIMEOUT' ? 'unsettled' : 'lost', error });
      context.abort.abort(error);
    };
    const settle = (value: unknown) => {
      if (interruption.onRaise !== undefined) end(endedWith(context.key, value, settings));
    };
    const refuse = (error: unknown) => {
      if (interruption.onRaise !== undefined) end(failedWith(error, settings));
    };
    let value: unknown;
    try {
      value = fn(context);
    } catch (error) {
      return refuse(error);
    }
    if (isThenable(value)) Promise.resolve(value).then(settle, refuse);
    else settle(value);
  });
}

const isThenable = (value: unknown): boolean =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value;

function endedWith(key: string, value: unknown, settings: OnceSettings): Ended {
  try {
    return { type: 'done', result: encodeResult(key, value, settings), own: () => value };
  } catch (error) {
    return { type: 'free', error };
  }
}

function failedWith(error: unknown, settings: OnceSettings): Ended {
  // If the option itself throws, the error counts as unknown …
  if (decide(settings.unknownErrors, error, true)) return { type: 'unknown', error };
  // … and is not stored.
  if (!decide(settings.storeErrors, error, false)) return { type: 'free', error };
  const own = () => {
    throw error;
  };
  return { type: 'stored', result: encodeError(error), own, error };
}

/** Asks a predicate of the user, which may throw. */
function decide(
  predicate: (error: unknown) => boolean,
  error: unknown,
  fallback: boolean,
): boolean {
  try {
    return predicate(error);
  } catch {
    return fallback;
  }
}

/** A class, because an object literal with a getter takes ten times as long to create. */
export class RunContext implements OnceContext {
  readonly key: string;
  readonly attempt: number;
  readonly fencingToken: number;
  /** The source of `signal`. Layers above listen to it, because a platform signal costs more than a claim. */
  readonly abort: LazyAbort;

  constructor(key: string, attempt: number, fencingToken: number, abort: LazyAbort) {
    this.key = key;
    this.attempt = attempt;
    this.fencingToken = fencingToken;
    this.abort = abort;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }
}

/** Ends the wait for a function that may never settle. */
export class Interruption {
  /** Set while the function is running. */
  onRaise: ((error: OnceError) => void) | undefined;

  raise(error: OnceError): void {
    this.onRaise?.(error);
  }
}

/**
 * Encodes a result for the store.
 *
 * @throws {UnstorableResultError} `SAMEKEY_UNSTORABLE`, `SAMEKEY_TOO_LONG`.
 */
export function encodeResult(
  key: string,
  value: unknown,
  { codec, maxResultBytes }: OnceSettings,
): StoredResult {
  let payload: Uint8Array;
  try {
    payload = codec.encode(value);
    // The user's codec may reuse the memory of its bytes.
    if (codec !== jsonCodec && codec !== richCodec) payload = new Uint8Array(payload);
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
