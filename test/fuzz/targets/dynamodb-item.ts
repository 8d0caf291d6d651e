/** Items of DynamoDB, as JSON; `B` is a text. */
import assert from 'node:assert/strict';
import {
  byteCountOf,
  fromItem,
  type Item,
  toAttributes,
} from '../../../src/store/dynamodb/item.js';
import { jsonIn } from '../chunks.js';
import { expectRecord, expectSame, recordFrom } from '../records.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '\x04\x05\x01own"er\x00print\x00co\ndec\x00pay\x00load',
  '\x01\x02\x0aown\x00\x00\x00',
  '{"format":{"N":"1"},"version":{"S":"v"},"state":{"S":"done"},"owner":{"S":"o"},"fencing_token":{"N":"7"},"attempt":{"N":"1"},"fingerprint":{"S":"f"},"claimed_at_ms":{"N":"1"},"lease_ends_at_ms":{"N":"2"},"expires_at_ms":{"N":"3"},"finished_at_ms":{"N":"4"},"codec":{"S":"json"},"payload":{"B":"bytes"}}',
  '{"format":{"N":"1"},"version":{"S":"v"},"state":{"S":"running"},"owner":{"S":"\\"\\\\n\\""},"fencing_token":{"N":"7"},"attempt":{"N":"2"},"claimed_at_ms":{"N":"1"},"lease_ends_at_ms":{"N":"2"},"expires_at_ms":{"N":"3"},"former":{"M":{"state":{"S":"done"},"owner":{"S":"p"},"fencing_token":{"N":"6"},"attempt":{"N":"1"},"claimed_at_ms":{"N":"1"},"lease_ends_at_ms":{"N":"2"},"expires_at_ms":{"N":"3"},"finished_at_ms":{"N":"4"},"codec":{"S":"json"},"spilled_as":{"S":"x"}}}}',
  '{"format":{"S":"2"},"version":{"S":"v"},"state":{"S":"done"}}',
];

export function fuzz(input: Uint8Array): void {
  const own = recordFrom(input);
  const attributes = { format: { N: '1' }, version: { S: 'v' }, ...toAttributes(own) };
  assert.deepEqual(fromItem(attributes, 'the item'), { record: own, version: 'v' });
  const item = JSON.parse(JSON.stringify(jsonIn(input) ?? {}), (name, value) =>
    name === 'B' ? Buffer.from(String(value)) : value,
  );
  // The client of AWS gives an object whose attributes are objects.
  if (!isItem(item)) return;
  const outcome = outcomeOf(() => fromItem(item, 'the item'));
  if ('error' in outcome) {
    assert.match(outcome.error.code, /^SAMEKEY_(?:STORE|BAD_STATE)$/);
    return;
  }
  const { record, version } = outcome.value;
  expectRecord(record);
  const written = { format: { N: '1' }, version: { S: version }, ...toAttributes(record) };
  const again = fromItem(written, 'the item');
  assert.equal(again.version, version);
  expectSame(again.record, record);
  assert.ok(byteCountOf(written) > 0);
}

/** Values of the types that the client makes of a reply: `S` and `N` are texts, `M` is an item. */
function isItem(value: unknown): value is Item {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((attribute) => {
    if (typeof attribute !== 'object' || attribute === null) return false;
    const { S, N, M, B } = attribute as Record<string, unknown>;
    const isText = [S, N].every((text) => text === undefined || typeof text === 'string');
    return isText && (M === undefined || isItem(M)) && (B === undefined || B instanceof Uint8Array);
  });
}
