import { fail } from '../errors/errors.js';
import type { StoreRecord } from './store.js';

/**
 * Whether the members of a record have the right types. Every store asks before it gives a record to a
 * caller, because another program may have written to its table. A lease that ends at `NaN` would
 * never end.
 */
export function isRecord(record: StoreRecord): boolean {
  const { state, owner, fencingToken, attempt, fingerprint, codec, payload } = record;
  const { claimedAtMs, leaseEndsAtMs, expiresAtMs, finishedAtMs } = record;
  return (
    (state === 'running' || state === 'done' || state === 'failed') &&
    typeof owner === 'string' &&
    Number.isFinite(fencingToken) &&
    Number.isFinite(attempt) &&
    Number.isFinite(claimedAtMs) &&
    Number.isFinite(leaseEndsAtMs) &&
    Number.isFinite(expiresAtMs) &&
    (finishedAtMs === undefined || Number.isFinite(finishedAtMs)) &&
    (fingerprint === undefined || typeof fingerprint === 'string') &&
    (codec === undefined || typeof codec === 'string') &&
    (payload === undefined || payload instanceof Uint8Array)
  );
}

/**
 * Returns the record that was read from a row in `database`.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_STATE` if a member has a wrong type.
 */
export function requireRecord(record: StoreRecord, database: string): StoreRecord {
  if (isRecord(record)) return record;
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_STATE',
    `Cannot read a row in ${database}: it is no record of samekey, wanted a table that only samekey writes`,
  );
}
