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
