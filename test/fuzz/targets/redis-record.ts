/** Values in Redis: any bytes, and records that are written again. */
import assert from 'node:assert/strict';
import { toOneLine } from '../../../src/store/one-line.js';
import { toRecord } from '../../../src/store/redis/record-text.js';
import { expectRecord } from '../records.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  'done\nowner\n1790000000000000\n1\nprint\n1790000000000\n1790000030000\n1790086400000\n1790000000009\njson\n{"a":1}',
  'awaited\n"a\\n"\n7\n2\n\n1\n2\n3\n\n\nrunning\no\n6\n1\n\n1\n2\n3\n\n\ndone\n',
  'failed\no\n1\n1\n\n1\n2\n3\n4\n"\\ud800"\n',
];

export function fuzz(input: Uint8Array): void {
  const outcome = outcomeOf(() => toRecord(input));
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_STATE');
    return;
  }
  const record = outcome.value;
  expectRecord(record);
  const line = (text: string | undefined) => (text === undefined ? '' : toOneLine(text));
  const lines = [
    record.state,
    line(record.owner),
    record.fencingToken,
    record.attempt,
    line(record.fingerprint),
    record.claimedAtMs,
    record.leaseEndsAtMs,
    record.expiresAtMs,
    record.finishedAtMs ?? '',
    line(record.codec),
  ];
  const written = Buffer.concat([
    Buffer.from(`${lines.join('\n')}\n`),
    record.payload ?? Buffer.of(),
  ]);
  assert.deepEqual(toRecord(new Uint8Array(written)), record);
}
