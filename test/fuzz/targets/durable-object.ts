/** Bodies between a Worker and a Durable Object, and the rows in its SQLite. */
import assert from 'node:assert/strict';
import { fromFrame, fromHead, toFrame, toHead } from '../../../src/store/durable-object/frame.js';
import { withoutFormer } from '../../../src/store/transition.js';
import { jsonIn, withChoices } from '../chunks.js';
import { expectRecord, expectSame, recordFrom, withoutResult } from '../records.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '\x00\x04\x05\x01own"er\x00print\x00co\ndec\x00pay\x00load',
  '\x00\x0d\x00\x00\x00{"head":[1]}\x0apayload',
  '\x01[1,"done","owner",7,1,1,2,3,"print",4,"json"]',
  '\x01[1,"running","owner",7,2,1,2,3,null,null,null,[1,"failed","b",6,1,1,2,3,null,4,"error"]]',
];

/** The first byte chooses a body or a row. */
export function fuzz(input: Uint8Array): void {
  const [choice, rest] = withChoices(input, 1) as [number, Uint8Array];
  expectReadAgain(rest);
  if (choice % 2 === 0) expectFrame(rest.buffer as ArrayBuffer);
  else expectHead(jsonIn(rest));
}

function expectReadAgain(bytes: Uint8Array): void {
  const record = recordFrom(bytes);
  const { payload = new Uint8Array() } = record;
  const frame = toFrame(['ok', toHead(record)], [payload]);
  const read = fromFrame(frame.buffer);
  assert.deepEqual(read.payload, payload);
  const { former, ...current } = fromHead(read.head[1], read.payload);
  const expected = withoutResult(record).former;
  assert.deepEqual(current, withoutFormer(record));
  assert.deepEqual(former && withoutResult(former), expected);
}

function expectFrame(frame: ArrayBuffer): void {
  const outcome = outcomeOf(() => fromFrame(frame));
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_STATE');
    return;
  }
  const { head, payload } = outcome.value;
  assert.deepEqual(fromFrame(toFrame(head, [payload]).buffer), { head, payload });
}

function expectHead(head: unknown): void {
  const payload = Uint8Array.of(1);
  const outcome = outcomeOf(() => fromHead(head, payload));
  if ('error' in outcome) {
    assert.equal(outcome.error.code, 'SAMEKEY_BAD_STATE');
    return;
  }
  expectRecord(outcome.value);
  expectSame(
    fromHead(jsonIn(Buffer.from(JSON.stringify(toHead(outcome.value)))), payload),
    outcome.value,
  );
}
