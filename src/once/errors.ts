import type { SamekeyErrorCode } from '../errors/errors.js';
import type { StoreRecord } from '../store/store.js';

/** What `once` rejects with when it is not the function itself that failed. */
export class OnceError extends Error {
  override readonly name = 'OnceError';
  readonly code: SamekeyErrorCode;
  readonly key: string;
  /** The record that stood in the way, if one did. */
  readonly record: StoreRecord | undefined;
  /** What the function returned, where it succeeded and its result could not be kept. */
  readonly value: unknown;

  constructor(
    code: SamekeyErrorCode,
    key: string,
    message: string,
    more: {
      readonly record?: StoreRecord | undefined;
      readonly cause?: unknown;
      readonly value?: unknown;
    } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = code;
    this.key = key;
    this.record = more.record;
    this.value = more.value;
  }
}

/** The key was used for another payload. */
export const mismatch = (key: string, record: StoreRecord | undefined) =>
  new OnceError(
    'SAMEKEY_MISMATCH',
    key,
    `Cannot run ${key}: it was used with another fingerprint, wanted a key of its own for every payload`,
    { record },
  );

/** Somebody else is running it, and the caller does not wait, or not any longer. */
export const inProgress = (key: string, record: StoreRecord | undefined, waitedMs: number) =>
  new OnceError(
    'SAMEKEY_IN_PROGRESS',
    key,
    `Cannot run ${key}: it is being run${waitedMs > 0 ? `, also after ${waitedMs} ms` : ''}, wanted its end; try again later`,
    { record },
  );

/** An owner was never heard of again, and nobody may run it before somebody has looked. */
export const unknownOutcome = (key: string, record: StoreRecord) =>
  new OnceError(
    'SAMEKEY_UNKNOWN_OUTCOME',
    key,
    `Cannot run ${key}: attempt ${record.attempt} ended without an answer, wanted evict(key) once it is known what it did`,
    { record },
  );

/**
 * Another owner has the key, or may have it: the store did not confirm the lease for longer than it
 * lasts. `value` is what the function returned, if it did.
 */
export const leaseLost = (
  key: string,
  more: { readonly value?: unknown; readonly cause?: unknown } = {},
) =>
  new OnceError(
    'SAMEKEY_LEASE_LOST',
    key,
    `Cannot keep the result of ${key}: its lease was lost while it ran, wanted renewals within leaseMs`,
    more,
  );

/** The store did not do what it was asked. */
export const storeFailed = (key: string, action: string, cause: unknown) =>
  new OnceError(
    'SAMEKEY_STORE',
    key,
    `Cannot ${action} ${key}: the store failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );

/** The function took too long. */
export const timedOut = (key: string, timeoutMs: number) =>
  new OnceError(
    'SAMEKEY_TIMEOUT',
    key,
    `Cannot wait for ${key}: it did not end within ${timeoutMs} ms, wanted a function that settles when its signal aborts`,
  );

/** A function waits for a run that waits for the function: `keys` are those from the run back to it. */
export const deadlocked = (key: string, keys: readonly string[]) =>
  new OnceError(
    'SAMEKEY_DEADLOCK',
    key,
    `Cannot run ${key}: it is called by its own run (${keys.join(' → ')}), wanted another key for the inner call`,
  );

export const closed = (key: string) =>
  new OnceError('SAMEKEY_CLOSED', key, `Cannot run ${key}: once.close() was called`);

/** The function succeeded, but what it gave cannot be kept; it is in `value`. */
export class UnstorableResultError extends OnceError {
  constructor(code: SamekeyErrorCode, key: string, what: string, value: unknown, cause?: unknown) {
    super(code, key, `Cannot keep the result of ${key}: ${what}`, { cause, value });
  }
}
