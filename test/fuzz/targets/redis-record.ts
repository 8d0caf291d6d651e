/** Values in Redis: any bytes, and records that are written again. */
import assert from 'node:assert/strict';
import { toFilledLine, toOneLine } from '../../../src/store/one-line.js';
import { toRecord } from '../../../src/store/redis/record-text.js';
import type { StoreRecord } from '../../../src/store/store.js';
import { withoutFormer } from '../../../src/store/transition.js';
import { expectRecord, expectSame, recordFrom } from '../records.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '\x04\x05\x01own"er\x00print\x00co\ndec\x00pay\x00load',
  '\x01\x02\x0aown\x00\x00\x00',
  'done\nowner\n1790000000000000\n1\nprint\n1790000000000\n1790000030000\n1790086400000\n1790000000009\njson\n{"a":1}',
  'awaited\n"a\\n"\n7\n2\n\n1\n2\n3\n\n\nrunning\no\n6\n1\n\n1\n2\n3\n\n\ndone\n',
  'failed\no\n1\n1\n\n1\n2\n3\n4\n"\\ud800"\n',
  // Texts that are empty, but not missing.
  'failed\no\n2\n1\n""\n1\n2\n3\n4\n""\n',
];

export function fuzz(input: Uint8Array): void {
  expectReadAgain(withoutFormer(recordFrom(input)), (input[0] ?? 0) % 3 === 0);
  const outcome = outcomeOf(() => toRecord(input));
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_STATE');
    return;
  }
  expectRecord(outcome.value);
  expectReadAgain(outcome.value, false);
}

/** Writes a record as the scripts do, and reads it. */
function expectReadAgain(record: StoreRecord, isAwaited: boolean): void {
  const line = (text: string | undefined) => (text === undefined ? '' : toFilledLine(text));
  const lines = [
    isAwaited && record.state === 'running' ? 'awaited' : record.state,
    toOneLine(record.owner),
    record.fencingToken,
    record.attempt,
    line(record.fingerprint),
    record.claimedAtMs,
    record.leaseEndsAtMs,
    record.expiresAtMs,
    record.finishedAtMs ?? '',
    line(record.codec),
  ];
  const head = Buffer.from(`${lines.join('\n')}\n`);
  const written = Buffer.concat([head, record.payload ?? Buffer.of()]);
  expectSame(toRecord(new Uint8Array(written)), record);
}
