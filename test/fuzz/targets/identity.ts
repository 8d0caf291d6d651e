/** Identities as JSON, and keys of raw JSON under them: both engines, and the key of the value. */
import assert from 'node:assert/strict';
import {
  defineIdentity,
  explain,
  type IdentityOptions,
  keyOf,
  keyOfJson,
} from '../../../src/index.js';
import { configFromJson, idempotency } from '../../../src/once/config.js';
import { strictReading } from '../../json/strict-reading.js';
import { onBoth } from '../engines.js';
import { outcomeOf } from '../refusal.js';

export const seeds = [
  '{"exclude":["$.id","$..trace"],"bigNumbers":"digits"}\n{"id":1,"a":{"trace":2,"n":12345678901234567890}}',
  '{"include":["$.model","$.messages[*].content"],"scope":["tenant","op"],"bits":128}\n{"model":"m","messages":[{"content":"a"}]}',
  '{"refs":["$.image"],"exclude":["$.items[::2]","$..[-1]"]}\n{"image":"abc","items":[1,2,3]}',
  '{"maxDepth":2,"secret":"s","window":1}\n[[[1]]]',
  '{"leaseMs":10000,"keyPrefix":"idem_","excludedFields":["trace_id"]}\n{"trace_id":1}',
];

const LINE_FEED = 0x0a;

/** The first line is the file of an identity or of a configuration, the rest a request. */
export function fuzz(input: Uint8Array): void {
  const lineEnd = (input.indexOf(LINE_FEED) + 1 || input.length + 1) - 1;
  const text = Buffer.from(input.subarray(0, lineEnd)).toString();
  const request = input.subarray(lineEnd + 1);
  const config = outcomeOf(() => idempotency(configFromJson(text)));
  if ('value' in config) expectOneKey(request, config.value.identity);
  let options: unknown;
  try {
    options = JSON.parse(text);
  } catch {
    return;
  }
  const identity = outcomeOf(() => defineIdentity(options as IdentityOptions));
  if ('value' in identity) expectOneKey(request, identity.value);
}

function expectOneKey(request: Uint8Array, identity: IdentityOptions): void {
  const key = onBoth(() => outcomeOf(() => keyOfJson(request, identity)));
  const strict = strictReading(request);
  if (strict === undefined) {
    // Of all that is no strict JSON, only integers can be accepted, by `bigNumbers`.
    if ('value' in key) assert.notEqual(identity.bigNumbers ?? 'error', 'error');
    return;
  }
  const ofValue = outcomeOf(() => keyOf(strict.value, identity));
  if ('value' in key || 'value' in ofValue) {
    assert.deepEqual(key, ofValue);
    assert.equal(explain(strict.value, identity).key, keyOf(strict.value, identity));
  } else {
    assert.equal(key.error.code, ofValue.error.code);
    assert.equal(key.error.path, ofValue.error.path);
  }
}
