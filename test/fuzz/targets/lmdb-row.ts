/** Rows in LMDB, as JSON; a text stands for the bytes of a payload. */
import assert from 'node:assert/strict';
import { type RecordRow, toRecord, toRow } from '../../../src/store/lmdb/record-row.js';
import { jsonIn } from '../chunks.js';
import { expectRecord, expectSame, recordFrom } from '../records.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '\x04\x05\x01own"er\x00print\x00co\ndec\x00pay\x00load',
  '\x01\x02\x0aown\x00\x00\x00',
  '["done","owner",7,1,1,2,3,"print",4,"json","bytes"]',
  '["running","owner",7,2,1,2,3,null,null,null,null,["running","b",6,1,1,2,3,"print",null,null,null,["done","c",5,1,1,2,3,null,4,"json","x"]]]',
  '["running","owner",7,1,1,2,3]',
];

export function fuzz(input: Uint8Array): void {
  const record = recordFrom(input);
  assert.deepEqual(toRecord(toRow(record)), record);
  const row = revived(jsonIn(input)) as RecordRow;
  const outcome = outcomeOf(() => toRecord(row));
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_STATE');
    return;
  }
  expectRecord(outcome.value);
  expectSame(toRecord(toRow(outcome.value)), outcome.value);
}

/** LMDB has bytes and `undefined`, JSON has neither. */
function revived(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((each, i) => {
    if (each === null) return undefined;
    if (i === 10 && typeof each === 'string') return Buffer.from(each);
    return revived(each);
  });
}
