/** Lines of the results of batches, and the names and owners in their records. */
import assert from 'node:assert/strict';
import { readCustomId, readOwner } from '../../../src/batch/item.js';
import { malformedLine, readResult } from '../../../src/batch/read-result.js';
import { outcomeIn } from '../../../src/batch/stored-item.js';
import { memberText } from '../../../src/cli/member-text.js';
import { described } from '../refusal.js';

export const seeds = [
  '{"custom_id":"a\\\\","result":{"type":"succeeded","message":{"\\"":"\\\\\\""}}}',
  '{"custom_id":"ik_ba7816bf8f01cfea414140de5dae2223-1","result":{"type":"succeeded","message":{"id":"msg_1","type":"message"}}}',
  '{"custom_id":"a","response":{"status_code":200,"body":{"id":"x","choices":[]}},"error":null}',
  '{"custom_id":"a","error":{"code":"batch_expired","message":"late"}}',
  '{"custom_id":"a","response":{"candidates":[{"content":{}}]}} ',
  'run/1/2/["anna","bert"]',
  '\xef\xbb\xbf{"custom_id": "ik_ba7816bf8f01cfea414140de5dae2223-1", "resu',
];

export function fuzz(input: Uint8Array): void {
  const text = Buffer.from(input).toString();
  const result = readResult(text, 1);
  if (result === undefined) assert.match(text, /^[ \t\r\n]*$/);
  else if (result.isMalformed) {
    assert.equal(described(result.outcome.error).code, 'SAMEKEY_BAD_ARGUMENT');
    assert.ok(result.customId === undefined || text.includes('custom_id'));
  } else {
    // A parsed line is read as its text is.
    assert.deepEqual(readResult(JSON.parse(text), 1), result);
    const { custom_id: customId, ...rest } = JSON.parse(text);
    assert.equal(result.customId, customId);
    assert.deepEqual(JSON.parse(result.text), rest);
    assert.deepEqual(outcomeIn(result.text), result.outcome);
    expectMembers(text, JSON.parse(text));
  }
  malformedLine(text, 'Cannot read the line');
  // A damaged text is an outcome, too.
  const damaged = outcomeIn(text);
  assert.ok(['succeeded', 'errored', 'expired', 'canceled'].includes(damaged.outcome));
  const owner = readOwner(text);
  if (owner !== undefined) for (const name of owner.requesters) assert.equal(typeof name, 'string');
  const id = readCustomId(text)?.id;
  if (id !== undefined) assert.match(id, /^ik_[0-9a-f]{32}$/);
}

/** The text of each member, cut out of the line, has its value. */
function expectMembers(text: string, line: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(line)) {
    assert.deepEqual(JSON.parse(memberText(text, [name])), value);
  }
}
