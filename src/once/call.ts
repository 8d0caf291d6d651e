import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { isKey } from '../index.js';
import type { AbortSource } from './abort.js';

/** The options of one call. */
export interface CallOptions {
  /** Ends the wait of this caller. The run continues for other callers; `onAbandoned` decides if none is left. */
  readonly signal?: AbortSignal;
  /** A digest of the payload, if the key is not derived from it. Another fingerprint under the same key is an error. */
  readonly fingerprint?: string;
  /** Runs the function although the key has a result. A run in progress is joined. */
  readonly fresh?: boolean;
  /** W3C Trace Context of the call, for events. */
  readonly traceparent?: string;
}

/** The options of a call from a layer above. */
export type InnerCallOptions = {
  readonly [Name in keyof Omit<CallOptions, 'signal'>]?: CallOptions[Name] | undefined;
} & { readonly signal?: AbortSource | undefined };

const MEMBERS = ['signal', 'fingerprint', 'fresh', 'traceparent'];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Checks a key.
 *
 * @throws {TypeError} `SAMEKEY_BAD_KEY` for a key that samekey does not make.
 */
export function checkKey(key: unknown): void {
  if (isKey(key) || (typeof key === 'string' && UUID.test(key))) return;
  fail(
    TypeError,
    'SAMEKEY_BAD_KEY',
    `Cannot use the key ${typeof key === 'string' ? quote(key) : nameOf(key)}: wanted a key from keyOf, sha256Hex, scoped, uuidv5 or randomKey`,
  );
}

/**
 * Checks the arguments of a call.
 *
 * @throws {TypeError} `SAMEKEY_BAD_KEY`, `SAMEKEY_BAD_ARGUMENT`.
 */
export function checkCall(key: unknown, fn: unknown, options: InnerCallOptions | undefined): void {
  checkKey(key);
  if (typeof fn !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: the second argument is ${nameOf(fn)}, wanted a function`,
    );
  }
  if (options === undefined) return;
  requireMembers(options, MEMBERS, 'options of the call');
  const { fingerprint } = options;
  if (fingerprint !== undefined && typeof fingerprint !== 'string') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: fingerprint is ${nameOf(fingerprint)}, wanted text such as another key`,
    );
  }
}
