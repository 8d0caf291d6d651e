/** Documents, lines and lists of JSON that arrive in chunks. */
import assert from 'node:assert/strict';
import { JsonReader } from '../../../src/response/json-reader.js';
import { cut, jsonIn, withChoices } from '../chunks.js';

export const seeds = [
  '\x0d\x5d[{"m":0},\n":[2]}]{9",1,null]',
  '\x00\x01[{"m":1},{"m":[{"a":[1]}]},{"m":"\\""}]',
  '\x02\x00{"a":[1,"}",{"b":"\\\\\\""}]}',
  '\x01\x00{"a":1}\n{"b":2}\n3 true "x" null\n',
  '\x03\x01[{"m":1},\n{"m":[2]},{"m":"]"}]',
  '\x03\x01\xef\xbb\xbf[{"m":1},{"m":',
  '\x03\x00\x1e{"a":"\xc3\xa9"}\n\x1e[1,{"m":1}]\n',
];

interface Read {
  readonly values: unknown[];
  readonly isMalformed: boolean;
  readonly isTooLong: boolean;
  readonly isOpen: boolean;
}

export function fuzz(input: Uint8Array): void {
  const [choice, small, body] = withChoices(input, 2) as [number, number, Uint8Array];
  const whole = readAll([body], Number.POSITIVE_INFINITY);
  assert.equal(whole.isTooLong, false);
  assert.deepEqual(readAll(cut(body, choice), Number.POSITIVE_INFINITY), whole);
  // A bound may stop the reading early, and changes nothing before that.
  const bounded = readAll(cut(body, choice), small);
  if (bounded.isTooLong) {
    assert.ok(body.length > small);
    assert.deepEqual(bounded.values, whole.values.slice(0, bounded.values.length));
  } else assert.deepEqual(bounded, whole);
  const document = jsonIn(body);
  if (document !== undefined && !isStreamOf(document)) assert.deepEqual(whole.values, [document]);
}

const isStream = (first: unknown) =>
  typeof first === 'object' && first !== null && Object.hasOwn(first, 'm');
const isStreamOf = (value: unknown) => Array.isArray(value) && isStream(value[0]);

function readAll(chunks: readonly Uint8Array[], maxBytes: number): Read {
  const values: unknown[] = [];
  const reader = new JsonReader(
    {
      onValue(value, text) {
        assert.deepEqual(JSON.parse(text.replaceAll('\u001e', ' ')), value);
        values.push(value);
      },
      isStream,
    },
    maxBytes,
  );
  for (const chunk of chunks) reader.see(chunk);
  reader.end();
  const { isMalformed, isTooLong, isOpen } = reader;
  assert.equal(reader.valueCount, values.length);
  return { values, isMalformed, isTooLong, isOpen };
}
