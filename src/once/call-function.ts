import { nameOf } from '../errors/errors.js';
import { ask, ignoreRejection } from '../options/callbacks.js';
import type { LazyAbort } from './abort.js';
import type { Alarm, Alarms } from './alarms.js';
import { type Codec, isOurs, jsonCodec } from './codec.js';
import { type OnceError, timedOut, UnstorableResultError } from './errors.js';
import type { OnceSettings } from './options.js';
import { decodeValue, encodeError, type StoredResult } from './stored-result.js';

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

/**
 * A function ended with a value, or with an error that is stored. `own` returns the value as duplicates
 * receive it; `value` is the function's own.
 */
export type EndedWithResult =
  | {
      readonly type: 'done';
      readonly result: StoredResult;
      readonly own: () => unknown;
      readonly value: unknown;
    }
  | {
      readonly type: 'stored';
      readonly result: StoredResult;
      readonly own: () => never;
      readonly error: unknown;
    };

/** `free`: nothing is stored. `unknown`: its effects are unknown. `unsettled`: it may still run. `lost`: another owner has the key. */
export type EndedWithoutResult = {
  readonly type: 'free' | 'unknown' | 'unsettled' | 'lost';
  readonly error: unknown;
};

/** How a function ended. */
export type Ended = EndedWithResult | EndedWithoutResult;

/** One call of the function, which may never settle: it can time out or be interrupted. */
export class FunctionCall {
  readonly #context: RunContext;
  readonly #settings: OnceSettings;
  readonly #timeLimits: Alarms | undefined;
  #alarm: Alarm | undefined;
  #ended: Ended | undefined;
  #resolve: ((ended: Ended) => void) | undefined;

  /** @param timeLimits Alarms after `timeoutMs`. */
  constructor(context: RunContext, settings: OnceSettings, timeLimits: Alarms | undefined) {
    this.#context = context;
    this.#settings = settings;
    this.#timeLimits = timeLimits;
  }

  /** Calls the function. A function that returns no promise takes none here. */
  start(fn: (context: RunContext) => unknown): Ended | Promise<Ended> {
    const { timeoutMs = 0 } = this.#settings;
    this.#alarm = this.#timeLimits?.set(() =>
      this.interrupt(timedOut(this.#context.key, timeoutMs)),
    );
    let value: unknown;
    try {
      value = fn(this.#context);
      if (!isThenable(value)) this.#settle(value);
    } catch (error) {
      this.#refuse(error);
    }
    if (this.#ended !== undefined) return this.#ended;
    // One promise, and none of `Promise.race`: each promise of a run took 0.5 µs on Node 20.
    return new Promise((resolve) => {
      this.#resolve = resolve;
      Promise.resolve(value).then(
        (result) => this.#settle(result),
        (error) => this.#refuse(error),
      );
    });
  }

  /** Ends the wait for the function, and aborts its signal. */
  interrupt(error: OnceError): void {
    if (this.#ended !== undefined) return;
    this.#end({ type: error.code === 'SAMEKEY_TIMEOUT' ? 'unsettled' : 'lost', error });
    this.#context.abort.abort(error);
  }

  #settle(value: unknown): void {
    if (this.#ended === undefined) this.#end(endedWith(this.#context.key, value, this.#settings));
  }

  #refuse(error: unknown): void {
    if (this.#ended === undefined) this.#end(failedWith(error, this.#settings));
  }

  #end(ended: Ended): void {
    this.#ended = ended;
    if (this.#alarm !== undefined) this.#timeLimits?.clear(this.#alarm);
    this.#resolve?.(ended);
  }
}

const isThenable = (value: unknown): boolean =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value;

function endedWith(key: string, value: unknown, settings: OnceSettings): Ended {
  const { codec } = settings;
  try {
    const result = encodeResult(key, value, settings);
    // The caller whose function ran gets what a duplicate gets, such as the text of a `Date`.
    let own = () => decodeValue(result, codec);
    // JSON returns a text as it is. That of a long answer would take as long as to write it.
    if (codec === jsonCodec && typeof value === 'string') own = () => value;
    if (!isOurs(codec)) {
      const copy = decoded(key, value, result, codec);
      own = () => copy;
    }
    return { type: 'done', result, own, value };
  } catch (error) {
    return { type: 'free', error };
  }
}

/**
 * Checks a value that the program gives as the result of a run.
 *
 * @throws {UnstorableResultError} `SAMEKEY_UNSTORABLE`, `SAMEKEY_TOO_LONG`.
 */
export function requireStorable(key: string, value: unknown, settings: OnceSettings): void {
  decoded(key, value, encodeResult(key, value, settings), settings.codec);
}

/** Decodes a result before it is stored: no caller could read what its codec cannot. */
function decoded(key: string, value: unknown, result: StoredResult, codec: Codec): unknown {
  try {
    return decodeValue(result, codec);
  } catch (error) {
    // The function has run, so its caller must not lose the value to a fault of the codec.
    throw unstorable(key, `the codec "${codec.name}" cannot read what it wrote`, value, error);
  }
}

function failedWith(error: unknown, settings: OnceSettings): Ended {
  // If the option itself throws, the error counts as unknown …
  if (ask(settings.unknownErrors, error, true)) return { type: 'unknown', error };
  // … and is not stored.
  if (!ask(settings.storeErrors, error, false)) return { type: 'free', error };
  const result = encodeError(error);
  if (result.payload.length > settings.maxResultBytes) return { type: 'free', error };
  const own = () => {
    throw error;
  };
  return { type: 'stored', result, own, error };
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
    if (!isOurs(codec)) {
      ignoreRejection(payload);
      if (payload?.[Symbol.toStringTag] !== 'Uint8Array') {
        throw new TypeError(`it gave ${nameOf(payload)}, wanted a Uint8Array`);
      }
      // The user's codec may reuse the memory of its bytes.
      payload = new Uint8Array(payload);
    }
  } catch (error) {
    const wanted = codec === jsonCodec ? ', wanted JSON, or a codec such as richCodec' : '';
    throw unstorable(key, `the codec "${codec.name}" cannot write it`, value, error, wanted);
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

function unstorable(
  key: string,
  what: string,
  value: unknown,
  error: unknown,
  wanted = '',
): UnstorableResultError {
  const message = error instanceof Error ? error.message : String(error);
  return new UnstorableResultError(
    'SAMEKEY_UNSTORABLE',
    key,
    `${what}: ${message}${wanted}`,
    value,
    error,
  );
}
