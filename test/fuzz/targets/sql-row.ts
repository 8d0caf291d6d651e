/** Columns of SQLite, PostgreSQL and MySQL: texts on one line, payloads in digits, former records. */
import assert from 'node:assert/strict';
import { formerJson, parseFormer } from '../../../src/store/mysql/former.js';
import { fromOneLine, toOneLine } from '../../../src/store/one-line.js';
import { payloadIn } from '../../../src/store/postgres/payload.js';
import type { StoredRecord } from '../../../src/store/transition.js';
import { expectRecord, expectSame, recordFrom, withoutResult } from '../records.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '\xcd\xa11',
  '\x04\x05\x01own"er\x00print\x00co\ndec\x00pay\x00load',
  '\x01\x02\x0aown\x00\x00\x00',
  '"a\\u0000\\ud800"',
  'plain \xc3\xa9 "text"',
  '00ff7f',
  '{"state":"running","owner":"o","attempt":1,"fingerprint":"f","claimedAtMs":1,"leaseEndsAtMs":2,"expiresAtMs":3,"former":{"state":"done","owner":"o","attempt":1,"claimedAtMs":1,"leaseEndsAtMs":2,"expiresAtMs":3}}',
];

/** All records of a row have the fencing token of the row. */
function withToken(record: StoredRecord, fencingToken: number): StoredRecord {
  const { former } = record;
  return { ...record, fencingToken, ...(former && { former: withToken(former, fencingToken) }) };
}

/** No store holds U+0000, some cut lines, and UTF-8 has no lone surrogate. */
const isOneLine = (text: string) =>
  Buffer.from(text).toString() === text && !['\0', '\n', '\r'].some((char) => text.includes(char));

export function fuzz(input: Uint8Array): void {
  const text = Buffer.from(input).toString();
  const units = Buffer.from(input).toString('utf16le');
  // Any text, also with lone surrogates, comes back as it was.
  for (const each of [text, units]) {
    assert.equal(fromOneLine(toOneLine(each)), each);
    assert.ok(isOneLine(toOneLine(each)));
  }
  const record = recordFrom(input);
  const written = formerJson(record) as string;
  const { fencingToken } = record;
  assert.deepEqual(
    parseFormer(written, fencingToken),
    withToken(withoutResult(record), fencingToken),
  );
  const line = outcomeOf(() => fromOneLine(text));
  if ('error' in line) assert.equal(line.error.code, 'SAMEKEY_BAD_STATE');
  const digits = outcomeOf(() => payloadIn(text));
  if ('error' in digits) assert.equal(digits.error.code, 'SAMEKEY_BAD_CLIENT');
  else assert.equal(Buffer.from(digits.value as Uint8Array).toString('hex'), text.toLowerCase());
  const former = outcomeOf(() => parseFormer(text, 7));
  if ('error' in former) {
    assert.equal(former.error.code, 'SAMEKEY_BAD_STATE');
    return;
  }
  expectRecord(former.value);
  expectSame(parseFormer(formerJson(former.value) as string, 7), former.value);
}
