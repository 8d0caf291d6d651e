import assert from 'node:assert/strict';
import type { StoreRecord } from '../../src/store/store.js';
import type { StoredRecord } from '../../src/store/transition.js';

const isTextOrMissing = (value: unknown) => value === undefined || typeof value === 'string';

/** Checks the types of all members of a record that a store has read, and of those behind it. */
export function expectRecord(record: StoreRecord | StoredRecord): void {
  const { state, owner, fingerprint, finishedAtMs, codec, payload } = record;
  assert.ok(['running', 'done', 'failed'].includes(state), `the state ${String(state)}`);
  assert.equal(typeof owner, 'string');
  for (const name of [
    'fencingToken',
    'attempt',
    'claimedAtMs',
    'leaseEndsAtMs',
    'expiresAtMs',
  ] as const) {
    assert.ok(Number.isFinite(record[name]), `${name}: ${String(record[name])}`);
  }
  assert.ok(finishedAtMs === undefined || Number.isFinite(finishedAtMs));
  assert.ok(isTextOrMissing(fingerprint) && isTextOrMissing(codec));
  assert.ok(payload === undefined || payload instanceof Uint8Array);
  if ('former' in record && record.former !== undefined) expectRecord(record.former);
}

/** Makes a record of any bytes, as a store could have to write it. */
export function recordFrom(bytes: Uint8Array, depth = 0): StoredRecord {
  const [choice = 0, number = 0] = bytes;
  const [owner = '', fingerprint, codec = '', ...rest] = Buffer.from(bytes.subarray(2))
    .toString()
    .split('\0');
  const isRunning = choice % 2 === 0;
  const record: StoreRecord = {
    state: isRunning ? 'running' : choice % 4 === 1 ? 'done' : 'failed',
    owner,
    fencingToken: 1_790_000_000_000_000 + number,
    attempt: 1 + depth,
    // A text of a store is never empty.
    fingerprint: fingerprint || undefined,
    claimedAtMs: 1_790_000_000_000 + number,
    leaseEndsAtMs: 1_790_000_030_000,
    expiresAtMs: number % 2 === 0 ? 0 : 1_790_086_400_000,
    finishedAtMs: isRunning ? undefined : 1_790_000_000_009,
    codec: isRunning ? undefined : codec || 'json',
    payload: isRunning ? undefined : new Uint8Array(Buffer.from(rest.join('\0'))),
  };
  const former = isRunning && depth < 2 && choice % 8 >= 4;
  return former ? { ...record, former: recordFrom(bytes.subarray(1), depth + 1) } : record;
}

/** The record as it is behind another one in a store that keeps one result for a row. */
export function withoutResult(record: StoredRecord): StoredRecord {
  const { former, ...rest } = record;
  const bare = { ...rest, finishedAtMs: undefined, codec: undefined, payload: undefined };
  return former === undefined ? bare : { ...bare, former: withoutResult(former) };
}

/** Stores do not keep the sign of a zero. */
export function expectSame(record: StoredRecord, expected: StoredRecord): void {
  assert.deepEqual(withOneZero(record), withOneZero(expected));
}

const withOneZero = (record: StoredRecord): object =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => {
      if (name === 'former' && value !== undefined) return [name, withOneZero(value)];
      return [name, typeof value === 'number' ? value + 0 : value];
    }),
  );
