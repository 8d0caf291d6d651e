import { clearTimer, setTimer } from '../runtime/runtime.js';
import type { LazyAbort } from './abort.js';
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

/** Calls the function, and waits until it settles, times out or is interrupted. */
export async function callFunction(
  context: RunContext,
  fn: (context: RunContext) => unknown,
  settings: OnceSettings,
  interruption: Interruption,
): Promise<Ended> {
  const { timeoutMs } = settings;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimer(() => interruption.raise(timedOut(context.key, timeoutMs)), timeoutMs);
  let value: unknown;
  try {
    value = await interruption.until(() => fn(context));
  } catch (error) {
    if (interruption.error !== undefined && error === interruption.error) {
      context.abort.abort(error);
      return { type: interruption.error.code === 'SAMEKEY_TIMEOUT' ? 'unsettled' : 'lost', error };
    }
    // If the option itself throws, the error counts as unknown …
    if (decide(settings.unknownErrors, error, true)) return { type: 'unknown', error };
    // … and is not stored.
    if (!decide(settings.storeErrors, error, false)) return { type: 'free', error };
    const own = () => {
      throw error;
    };
    return { type: 'stored', result: encodeError(error), own, error };
  } finally {
    clearTimer(timer);
  }
  try {
    return { type: 'done', result: encodeResult(context.key, value, settings), own: () => value };
  } catch (error) {
    return { type: 'free', error };
  }
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
  error: OnceError | undefined;
  #reject: (error: OnceError) => void = () => {};

  /** Settles as the call does, or rejects with an error that is raised before. */
  until(call: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      // Not `resolve(call())`: after adopting another promise, this one could not be rejected.
      Promise.resolve(call()).then(resolve, reject);
    });
  }

  raise(error: OnceError): void {
    this.error = error;
    this.#reject(error);
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
