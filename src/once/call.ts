import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { isKey } from '../index.js';
import { own } from '../options/own.js';
import { duration, flag, instance, LONGEST_TTL_MS, shown, specs, text } from '../options/spec.js';
import type { AbortSource } from './abort.js';
import { faultOfChosenKey, MAX_KEY_CHARACTERS } from './chosen-key.js';

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
  /**
   * How long the result is stored, in milliseconds, if this call runs the function: instead of the `ttlMs`
   * of `createOnce`. The value of a duplicate changes nothing.
   */
  readonly ttlMs?: number;
}

/** The options of a call from a layer above. */
export type InnerCallOptions = {
  readonly [Name in keyof Omit<CallOptions, 'signal'>]?: CallOptions[Name] | undefined;
} & {
  readonly signal?: AbortSource | undefined;
  /** Whose limits apply, if the layer above has any. */
  readonly account?: string | undefined;
};

const MEMBERS = ['signal', 'fingerprint', 'fresh', 'traceparent', 'ttlMs'];
const CHECKS = /* @__PURE__ */ specs(() => ({
  signal: instance<AbortSource>('an AbortSignal', 'throwIfAborted'),
  fresh: flag(false),
  traceparent: text({}),
  ttlMs: duration({ min: 1, max: LONGEST_TTL_MS }),
}));
const CHECKED = ['signal', 'fresh', 'traceparent', 'ttlMs'] as const;

/**
 * Checks a key: one that samekey made, or one that the caller chose.
 *
 * @throws {TypeError} `SAMEKEY_BAD_KEY` for any other value.
 */
export function checkKey(key: unknown): void {
  if (isKey(key)) return;
  const fault = typeof key === 'string' ? faultInCode(key) : 'it is not text';
  if (fault === undefined) return;
  const shown = typeof key === 'string' ? quote(key) : nameOf(key);
  fail(
    TypeError,
    'SAMEKEY_BAD_KEY',
    `Cannot use the key ${shown}: ${fault}, wanted 1 to ${MAX_KEY_CHARACTERS} visible ASCII characters, or keyOf(${typeof key === 'string' ? shown : '…'})`,
  );
}

function faultInCode(key: string): string | undefined {
  // A program that makes both forms would run the same work under each.
  if (/^[0-9a-f]{64}$/.test(key)) return 'it is a digest without "ik_"';
  if (key.startsWith('batch:')) return 'the records of samekey/batch begin with "batch:"';
  return faultOfChosenKey(key);
}

/** The options of a call without any. */
export const NO_OPTIONS: InnerCallOptions = {
  signal: undefined,
  fingerprint: undefined,
  fresh: undefined,
  traceparent: undefined,
  ttlMs: undefined,
  account: undefined,
};

/**
 * Checks the arguments of a call other than its key. Returns its options with all members.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT`.
 */
export function checkCall(key: string, fn: unknown, given: InnerCallOptions): InnerCallOptions {
  if (typeof fn !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: the second argument is ${nameOf(fn)}, wanted a function`,
    );
  }
  if (given === NO_OPTIONS) return given;
  requireMembers(given, MEMBERS, 'options of the call');
  const options = {
    signal: own(given, 'signal'),
    fingerprint: own(given, 'fingerprint'),
    fresh: own(given, 'fresh'),
    traceparent: own(given, 'traceparent'),
    ttlMs: own(given, 'ttlMs'),
    account: undefined,
  };
  const { fingerprint } = options;
  if (fingerprint !== undefined && typeof fingerprint !== 'string') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: fingerprint is ${nameOf(fingerprint)}, wanted text such as another key`,
    );
  }
  for (const name of CHECKED) {
    const value = options[name] ?? undefined;
    const fault = value === undefined ? undefined : CHECKS[name].faultOf(value);
    if (fault === undefined) continue;
    fail(
      fault[0],
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: ${name} is ${shown(value)}, wanted ${CHECKS[name].wanted}`,
    );
  }
  return options;
}
