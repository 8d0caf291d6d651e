import type { SamekeyErrorCode } from '../errors/errors.js';
import { addressWithoutPassword, textWithoutPasswords } from '../errors/passwords.js';
import { own } from '../options/own.js';
import type { Store, StoreRecord } from '../store/store.js';

/** An error of `once` itself, not of the function it runs. */
export class OnceError extends Error {
  /** Tells the error apart where `instanceof` does not work, such as across two copies of the package. */
  override readonly name = 'OnceError';
  /** Stable identifier of the cause, such as `SAMEKEY_IN_PROGRESS`. */
  readonly code: SamekeyErrorCode;
  /** The key of the call that failed. */
  readonly key: string;
  /** The record that caused the error, if the store has one. */
  readonly record: StoreRecord | undefined;
  /** The value that the function returned, if it succeeded and its result could not be stored. */
  readonly value: unknown;
  /** The name of the codec in the record of a result that cannot be read. */
  readonly codec: string | undefined;
  /** The id of the key that encrypted that result, if it is encrypted. */
  readonly keyId: string | undefined;

  constructor(
    code: SamekeyErrorCode,
    key: string,
    message: string,
    more: {
      readonly record?: StoreRecord | undefined;
      readonly cause?: unknown;
      readonly value?: unknown;
      readonly codec?: string;
      readonly keyId?: string | undefined;
    } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = code;
    this.key = key;
    this.record = more.record;
    this.value = more.value;
    this.codec = own(more, 'codec');
    this.keyId = own(more, 'keyId');
  }
}

/** The key was used with another payload. */
export const mismatch = (key: string, record: StoreRecord | undefined) =>
  new OnceError(
    'SAMEKEY_MISMATCH',
    key,
    `Cannot run ${key}: it was used with another fingerprint, wanted a different key for each payload`,
    { record },
  );

/** The key is being run, and the caller does not wait, or has waited for `waitMs`. */
export const inProgress = (key: string, record: StoreRecord | undefined, waitedMs: number) =>
  new OnceError(
    'SAMEKEY_IN_PROGRESS',
    key,
    `Cannot run ${key}: it is being run${waitedMs > 0 ? `, still after ${waitedMs} ms` : ''}, wanted its end; try again later`,
    { record },
  );

/** An earlier attempt has no outcome, and `onUnknown` is `'hold'`: an operator must decide. */
export const unknownOutcome = (key: string, record: StoreRecord) =>
  new OnceError(
    'SAMEKEY_UNKNOWN_OUTCOME',
    key,
    `Cannot run ${key}: attempt ${record.attempt} ended without an outcome, wanted evict(key) after a check of its effects`,
    { record },
  );

/**
 * The stored result cannot be decrypted or decoded, and `onUnreadable` is `'hold'`. `stored` is the result
 * as the store has it, `keyId` that of the key that encrypted it. The bytes are not part of the message.
 */
export const unreadable = (
  key: string,
  { codec }: { readonly codec: string },
  keyId: string | undefined,
  cause: unknown,
) =>
  new OnceError(
    'SAMEKEY_UNREADABLE',
    key,
    `Cannot read the stored result of ${key}: ${reasonOf(cause)}`,
    { cause, codec, keyId },
  );

/**
 * Another owner has the key, or may have it, because the store did not confirm the lease before it
 * ran out. `value` is the value that the function returned, if it did.
 */
export const leaseLost = (
  key: string,
  more: { readonly value?: unknown; readonly cause?: unknown } = {},
) =>
  new OnceError(
    'SAMEKEY_LEASE_LOST',
    key,
    `Cannot store the result of ${key}: its lease was lost while it ran, wanted renewals within leaseMs`,
    more,
  );

/**
 * A store operation failed. The code is part of the message, because what wraps the error, such as the
 * SDK of a provider, often shows nothing else of it.
 */
export const storeFailed = (
  key: string,
  action: string,
  store: Pick<Store, 'name' | 'address'>,
  cause: unknown,
) =>
  new OnceError(
    'SAMEKEY_STORE',
    key,
    `Cannot ${action} ${key}: the store ${store.name}${placeOf(store)} failed: ${textWithoutPasswords(reasonOf(cause))} (SAMEKEY_STORE)`,
    { cause },
  );

/** Returns where a store is, for the message. One that is wrapped may not be able to tell. */
function placeOf(store: Pick<Store, 'address'>): string {
  try {
    const { address } = store;
    return typeof address === 'string' ? ` at ${addressWithoutPassword(address)}` : '';
  } catch {
    return '';
  }
}

/** Returns why a store failed. The error of a connection to several addresses of a host has no message. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { message, errors, code, name } = error as Partial<AggregateError> & { code?: unknown };
  if (typeof message === 'string' && message.trim() !== '') return message;
  if (Array.isArray(errors) && errors.length > 0) {
    return [...new Set(errors.map(reasonOf))].join('; ');
  }
  return typeof code === 'string' ? code : (name ?? 'no reason was given');
}

/** A limit, by the names of the option and of the fields `RateLimit` and `RateLimit-Policy`. */
export interface ReachedLimit {
  readonly name: 'keysPerMinute' | 'storedBytesPerAccount' | 'waitingPerKey';
  readonly limit: number;
  /** Its unit, if it is not requests. */
  readonly unit?: 'content-bytes' | 'concurrent-requests';
  readonly windowSeconds?: number;
}

/** The caller has reached a limit. Nothing has run, and nothing is stored. */
export class LimitError extends OnceError {
  /** The limit that it has reached. */
  readonly reached: ReachedLimit;
  /** What is wrong and what would be right, without the key. */
  readonly reason: string;
  /** When another attempt may succeed. */
  readonly retryAfterSeconds: number;

  constructor(key: string, reached: ReachedLimit, reason: string, retryAfterSeconds: number) {
    super('SAMEKEY_LIMIT', key, `Cannot run ${key}: ${reason}`);
    this.reached = reached;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The function did not settle within `timeoutMs`. */
export const timedOut = (key: string, timeoutMs: number) =>
  new OnceError(
    'SAMEKEY_TIMEOUT',
    key,
    `Cannot wait for ${key}: it did not end within ${timeoutMs} ms, wanted a function that settles when its signal aborts`,
  );

/** A function waits for its own run. `keys` are the keys of the cycle. */
export const deadlocked = (key: string, keys: readonly string[]) =>
  new OnceError(
    'SAMEKEY_DEADLOCK',
    key,
    `Cannot run ${key}: it is called by its own run (${keys.join(' → ')}), wanted another key for the inner call`,
  );

export const closed = (key: string) =>
  new OnceError('SAMEKEY_CLOSED', key, `Cannot run ${key}: once.close() was called`);

/** The function succeeded, but its result cannot be stored. The result is in `value`. */
export class UnstorableResultError extends OnceError {
  constructor(code: SamekeyErrorCode, key: string, what: string, value: unknown, cause?: unknown) {
    super(code, key, `Cannot store the result of ${key}: ${what}`, { cause, value });
  }
}
