import { clearTimer, setTimer } from '../runtime/runtime.js';
import type { LazyAbort } from './abort.js';
import { jsonCodec, richCodec } from './codec.js';
import { type OnceError, timedOut, UnstorableResultError } from './errors.js';
import { type Kept, keptError } from './kept.js';
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

/** How a function ended, and what that says about its key. */
export type Ended =
  | { readonly type: 'done'; readonly kept: Kept; readonly own: () => unknown }
  | {
      readonly type: 'stored';
      readonly kept: Kept;
      readonly own: () => never;
      readonly error: unknown;
    }
  /** Nothing is to be kept; nobody knows what it did; it is still at it; somebody else has the key. */
  | { readonly type: 'free' | 'unknown' | 'unsettled' | 'lost'; readonly error: unknown };

/** Calls the function, and waits until it settles, takes too long or is interrupted. */
export async function settle(
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
    // An error about which it cannot say that it is none may be one.
    if (saysSo(settings.unknownErrors, error, true)) return { type: 'unknown', error };
    // But what is kept is kept for all: no more than it says.
    if (!saysSo(settings.storeErrors, error, false)) return { type: 'free', error };
    const own = () => {
      throw error;
    };
    return { type: 'stored', kept: keptError(error), own, error };
  } finally {
    clearTimer(timer);
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

/** A class, because a getter in an object of its own for every call takes ten times as long. */
export class RunContext implements OnceContext {
  readonly key: string;
  readonly attempt: number;
  readonly fencingToken: number;
  /** Its `signal`, for who can do without one of the platform. */
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

/** What ends the wait for a function that may never settle. */
export class Interruption {
  error: OnceError | undefined;
  #reject: (error: OnceError) => void = () => {};

  /** What the function gives, or the error that is raised before. */
  until(call: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      // Not `resolve(call())`: a promise that has taken on another one can be rejected no more.
      Promise.resolve(call()).then(resolve, reject);
    });
  }

  raise(error: OnceError): void {
    this.error = error;
    this.#reject(error);
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
