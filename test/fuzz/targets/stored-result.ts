/** Stored responses and results: what a codec has written, it reads again. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { jsonCodec, richCodec } from '../../../src/once/codec.js';
import { responseCodec, type StoredResponse } from '../../../src/response/stored-response.js';
import { jsonIn, withChoices } from '../chunks.js';
import { described } from '../refusal.js';

export const seeds = [
  '\x00{"status":200,"statusText":"OK","headers":[["a","b"]],"url":"https://a/"}\x00body',
  '\x01{"a":[1,-0,"\\ud83e\\uddf3",{"__proto__":1}],"":null}',
  '\x02[["Map",1,2],"a",{"b":-1}]',
];

export function fuzz(input: Uint8Array): void {
  const [choice, rest] = withChoices(input, 1) as [number, Uint8Array];
  if (choice % 3 === 0) expectResponse(rest);
  else if (choice % 3 === 1) expectValue(jsonIn(rest));
  else expectRich(rest);
}

function expectResponse(bytes: Uint8Array): void {
  const end = bytes.indexOf(0);
  const head = jsonIn(end < 0 ? bytes : bytes.subarray(0, end));
  if (typeof head !== 'object' || head === null || Array.isArray(head)) return;
  const response = { ...head, body: end < 0 ? bytes.slice(0, 0) : bytes.slice(end + 1) };
  let read: StoredResponse;
  try {
    read = responseCodec.decode(responseCodec.encode(response)) as StoredResponse;
  } catch (error) {
    // No program of samekey writes such a head. The runner gives the error a code.
    assert.match((error as Error).message, /^Cannot read the stored response: /);
    return;
  }
  const { body, ...readHead } = read;
  assert.deepEqual(new Uint8Array(body), response.body);
  // JSON has one zero.
  const wanted = JSON.parse(JSON.stringify(head));
  // Another length than that of the body is left out.
  const isRight = ([name, value]: [string, string]) =>
    body.length === 0 || name !== 'content-length' || value === `${body.length}`;
  if (!wanted.headers.every(isRight)) {
    wanted.headers = wanted.headers.filter(([name]: [string]) => name !== 'content-length');
  }
  assert.deepEqual(readHead, wanted);
}

function expectValue(value: unknown): void {
  for (const codec of [jsonCodec, richCodec]) {
    let written: Uint8Array;
    try {
      written = codec.encode(value);
    } catch (error) {
      // `Codec`: it throws for a value that it could not return. The runner gives that a code.
      if (codec === jsonCodec) described(error);
      continue;
    }
    // JSON has one zero.
    assert.equal(JSON.stringify(codec.decode(written)), JSON.stringify(value));
  }
}

/** Foreign bytes are refused, or they are a value that can be written. */
function expectRich(bytes: Uint8Array): void {
  let value: unknown;
  try {
    value = richCodec.decode(bytes);
  } catch {
    return;
  }
  assert.ok(isDeepStrictEqual(richCodec.decode(richCodec.encode(value)), value));
}
