import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalizeJson, keyOf, keyOfJson } from '../src/index.js';
import { CANONICALIZERS, onEach } from './engines.js';
import { anyJson } from './json-values.js';

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);
const canonical = (text: string) =>
  new TextDecoder().decode(canonicalizeJson(text, { bigNumbers: 'double' }));

onEach(CANONICALIZERS, () => {
  it('reads every spelling', () => {
    expect(canonical(' { "b" : [ 1.0 , -0 ] , "\\u0061" : "\\/\\ud83e\\uddf3" } ')).toBe(
      '{"a":"/🧳","b":[1,0]}',
    );
  });

  it(`gives the key of the value, SAMEKEY_TEST_SEED=${SEED}`, () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = JSON.stringify(value);
        expect(keyOfJson(text, { bigNumbers: 'double' })).toBe(keyOf(JSON.parse(text)));
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
