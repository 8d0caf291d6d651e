import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IdentityLike, identities, keyOf, keyOfJson, keysOfJson } from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectThrown, thrownBy } from '../errors/thrown.js';
import { anyJson } from '../json/values.js';

/** Bodies of all sizes, all different, so that a result in a wrong place shows. */
const body = (i: number) => ({
  model: `m${i}`,
  trace_id: i,
  messages: [{ role: 'user', content: `é${i} `.repeat((i * i * 37) % 4000) }],
});

const IDENTITIES: (IdentityLike | undefined)[] = [
  undefined,
  { exclude: ['trace_id'] },
  { include: ['$.messages[*].content'], scope: ['prod', 't'] },
  { refs: ['$.messages[*].content'], secret: 'hunter2', bits: 128 },
  identities.openai,
];

onEach(ENGINES, () => {
  it.each([0, 1, 3, 4, 5, 31, 200])('gives the keys of %i texts in their order', (count) => {
    const bodies = Array.from({ length: count }, (_, i) => body(i));
    for (const identity of IDENTITIES) {
      const texts = bodies.map((value, i) => JSON.stringify(value, undefined, i % 3));
      expect(keysOfJson(texts, identity)).toEqual(bodies.map((value) => keyOf(value, identity)));
    }
  });

  it('takes texts and bytes, long and short, one after the other', () => {
    const large = JSON.stringify([body(1), 'x'.repeat(3_000_000)]);
    const texts = ['1', large, new TextEncoder().encode('{"b":1, "a":2}'), large, '"é"'];
    expect(keysOfJson(texts)).toEqual(texts.map((text) => keyOfJson(text)));
  });

  it('agrees with keyOf for any values', () => {
    fc.assert(
      fc.property(fc.array(anyJson, { maxLength: 40 }), (values) => {
        const texts = values.map((value) => JSON.stringify(value));
        const parsed = texts.map((text) => keyOf(JSON.parse(text)));
        expect(keysOfJson(texts, { bigNumbers: 'double' })).toEqual(parsed);
      }),
      { numRuns: 100 },
    );
  });
});

describe('keysOfJson', () => {
  it.each([
    ['{"a":1,}', SyntaxError, 'SAMEKEY_BAD_JSON', /JSON text 2/],
    ['[NaN]', SyntaxError, 'SAMEKEY_BAD_JSON', /JSON text 2/],
    [7, TypeError, 'SAMEKEY_BAD_ARGUMENT', /JSON text 2/],
  ] as const)('says that %j is no JSON, and which text it is', (bad, Class, code, message) => {
    expectThrown(() => keysOfJson(['1', '2', bad as string, '3']), Class, { code, message });
  });

  it('rejects a value that is not a list', () => {
    expectThrown(() => keysOfJson('[1]' as never), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
  });

  it('works on after an error', () => {
    thrownBy(() => keysOfJson(['[1', '{']));
    expect(keysOfJson(['1'])).toEqual([keyOf(1)]);
  });
});
