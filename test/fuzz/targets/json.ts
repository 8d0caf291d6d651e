/** Raw JSON: both engines against each other, and against a reader of ten lines. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  type CanonicalizeJsonOptions,
  canonicalizeJson,
  keyOfJson,
  keysOfJson,
} from '../../../src/index.js';
import { referenceJson } from '../../json/reference-json.js';
import { strictReading } from '../../json/strict-reading.js';
import { onBoth } from '../engines.js';
import { expectInside, outcomeOf } from '../refusal.js';

export const seeds = [
  '\t\r\n [ 1 ,\t2 ,{ "b" : 3 , "a":{}} ]\r\n ',
  '{"a":[0,-1.5e+3,10,true],"\xc3\xa9":"\\"\\\\\\/\\n\\u00e9\\ud83e\\uddf3","\\u0061b":{"a":null,"b":false,"":{}}}',
  '{"n":9007199254740993,"m":-0,"e":1E400,"f":0.1e-7,"g":5e-324,"h":123456789012345680000}',
  '[[],[{}],"\\ud800","\x00","\xf0\x9f\xa7\xb3",truefalse]',
  '\xef\xbb\xbf{"a":1,"a":2,\n\t"__proto__":{"constructor":"toString"}}',
];

const OPTIONS: readonly CanonicalizeJsonOptions[] = [
  {},
  { bigNumbers: 'digits' },
  { bigNumbers: 'double' },
  { maxDepth: 2 },
];

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

export function fuzz(input: Uint8Array): void {
  for (const options of OPTIONS) {
    const read = (content: string | Uint8Array) =>
      onBoth(() => outcomeOf(() => textOf(canonicalizeJson(content, options))));
    const outcome = read(input);
    if ('error' in outcome) {
      const lineCount = textOf(input).split('\n').length;
      expectInside(outcome.error, input.length, lineCount);
    } else {
      // Canonical text stays as it is.
      assert.deepEqual(read(outcome.value), outcome);
      const digest = createHash('sha256').update(outcome.value).digest('hex');
      assert.equal(keyOfJson(input, options), `ik_${digest}`);
      assert.deepEqual(keysOfJson([input, outcome.value], options), [
        `ik_${digest}`,
        `ik_${digest}`,
      ]);
    }
    const text = asText(input);
    if (text !== undefined) assert.deepEqual(read(text), outcome);
  }
  const strict = strictReading(input);
  const outcome = outcomeOf(() => textOf(canonicalizeJson(input)));
  if ('value' in outcome) assert.equal(outcome.value, strict && referenceJson(strict.value));
  else if (outcome.error.code !== 'SAMEKEY_TOO_DEEP') assert.equal(strict, undefined);
}

/** The text of bytes that are UTF-8. */
function asText(bytes: Uint8Array): string | undefined {
  const text = textOf(bytes);
  return Buffer.from(text).equals(bytes) ? text : undefined;
}
