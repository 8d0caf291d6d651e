import { fail } from '../../errors/errors.js';
import { isRecord } from '../record-check.js';
import type { StoreRecord } from '../store.js';
import type { StoredRecord } from '../transition.js';
import { formerOf } from '../transition.js';

/**
 * A record without member names, which would take a third of the space. Missing members at the end
 * are cut off.
 */
export type RecordRow = readonly [
  state: StoreRecord['state'],
  owner: string,
  fencingToken: number,
  attempt: number,
  claimedAtMs: number,
  leaseEndsAtMs: number,
  expiresAtMs: number,
  fingerprint?: string | undefined,
  finishedAtMs?: number | undefined,
  codec?: string | undefined,
  payload?: Uint8Array | undefined,
  former?: RecordRow | undefined,
];

export function toRow(record: StoredRecord): RecordRow {
  const { state, owner, fencingToken, attempt, claimedAtMs, leaseEndsAtMs, expiresAtMs } = record;
  const row = [
    state,
    owner,
    fencingToken,
    attempt,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs,
  ] as const;
  const { fingerprint, finishedAtMs, codec, payload } = record;
  const former = formerOf(record);
  if (former !== undefined) {
    return [...row, fingerprint, finishedAtMs, codec, payload, toRow(former)];
  }
  if (finishedAtMs !== undefined) return [...row, fingerprint, finishedAtMs, codec, payload];
  return fingerprint === undefined ? row : [...row, fingerprint];
}

/** Whether a value is a record of this version. Another program may have written to the database. */
export const isRecordRow = (value: unknown): value is RecordRow => recordIn(value) !== undefined;

/** @throws {SyntaxError} `SAMEKEY_BAD_STATE` if the value is no record of this version. */
export function toRecord(row: unknown): StoredRecord {
  return (
    recordIn(row) ??
    fail(
      SyntaxError,
      'SAMEKEY_BAD_STATE',
      'Cannot read the value in LMDB: it is no record of this version of samekey, wanted a folder that nobody else uses',
    )
  );
}

function recordIn(value: unknown): StoredRecord | undefined {
  if (!Array.isArray(value) || value.length < 7 || value.length > 12) return undefined;
  const [state, owner, fencingToken, attempt, claimedAtMs, leaseEndsAtMs, expiresAtMs, ...more] =
    value as unknown as RecordRow;
  const [fingerprint, finishedAtMs, codec, bytes, formerRow] = more;
  // LMDB returns a `Buffer`.
  const payload =
    bytes instanceof Uint8Array
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      : bytes;
  const record: StoreRecord = {
    state,
    owner,
    fencingToken,
    attempt,
    fingerprint,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs,
    finishedAtMs,
    codec,
    payload,
  };
  if (!isRecord(record)) return undefined;
  if (formerRow === undefined) return record;
  const former = recordIn(formerRow);
  return former && { ...record, former };
}
