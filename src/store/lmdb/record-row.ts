import { fail } from '../../errors/errors.js';
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

const STATES: readonly unknown[] = ['running', 'done', 'failed'];

/** Whether a value is a record of this version. Another program may have written to the database. */
export function isRecordRow(value: unknown): value is RecordRow {
  if (!Array.isArray(value) || value.length < 7 || value.length > 12) return false;
  const [state, owner, ...more] = value;
  const payload = value[10];
  return (
    STATES.includes(state) &&
    typeof owner === 'string' &&
    more.slice(0, 5).every((number) => typeof number === 'number') &&
    (payload === undefined || payload instanceof Uint8Array)
  );
}

/** @throws {SyntaxError} `SAMEKEY_BAD_STATE` if the value is no record of this version. */
export function toRecord(row: RecordRow): StoredRecord {
  if (!isRecordRow(row)) {
    fail(
      SyntaxError,
      'SAMEKEY_BAD_STATE',
      'Cannot read the value in LMDB: it is no record of this version of samekey, wanted a folder that nobody else uses',
    );
  }
  const [state, owner, fencingToken, attempt, claimedAtMs, leaseEndsAtMs, expiresAtMs, ...more] =
    row;
  const [fingerprint, finishedAtMs, codec, bytes, former] = more;
  // LMDB returns a `Buffer`.
  const payload = bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
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
  return former === undefined ? record : { ...record, former: toRecord(former) };
}
