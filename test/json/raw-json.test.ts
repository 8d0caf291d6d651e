import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  canonicalizeJson,
  type IdentityOptions,
  keyOf,
  keyOfJson,
  sha256Hex,
} from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { random } from '../runtime/random.js';
import { type ContentRule, contentForms, loadVectors, type Named } from '../vectors/vectors.js';
import { anyJson, anyText, shuffled } from './values.js';

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);

interface Accepted extends Named {
  readonly canonical: string;
  readonly maxDepth?: number;
  readonly bigNumbers?: 'error' | 'double' | 'digits';
}
const vectors = loadVectors<Accepted & ContentRule>('json-text.json').filter(
  (vector) => 'canonical' in vector,
);

const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

function optionsOf({ maxDepth, bigNumbers }: Accepted) {
  return {
    ...(maxDepth === undefined ? {} : { maxDepth }),
    ...(bigNumbers === undefined ? {} : { bigNumbers }),
  };
}

/** JSON with unusual white space, escapes, member order and numbers. */
function spell(value: unknown, next: () => number): string {
  const blanks = () => [...' \t\n\r'].filter(() => next() < 0.1).join('');
  const between = (parts: string[]) => blanks() + parts.join(`${blanks()},${blanks()}`) + blanks();
  const respell = (text: string) => {
    const written = [
      ...JSON.stringify(text)
        .slice(1, -1)
        .matchAll(/\\u....|\\?./gsu),
    ].map(([part]) => {
      if (part.length > 1 && part[0] === '\\') return part;
      if (next() < 0.7) return part === '/' && next() < 0.5 ? '\\/' : part;
      const digits = (code: number) => code.toString(16).padStart(4, '0');
      const units = part.split('').map((unit) => digits(unit.charCodeAt(0)));
      return units.map((unit) => `\\u${next() < 0.5 ? unit : unit.toUpperCase()}`).join('');
    });
    return `"${written.join('')}"`;
  };
  if (typeof value === 'string') return respell(value);
  if (typeof value === 'number') {
    const text = Object.is(value, -0) ? '-0' : String(value);
    if (text.includes('e')) return next() < 0.5 ? text : text.replace('e', 'E');
    const form = Math.floor(next() * 4);
    if (form === 1) return `${text}e0`;
    if (form === 2) return text.includes('.') ? `${text}00` : `${text}.0`;
    return form === 3 ? value.toExponential() : text;
  }
  if (Array.isArray(value)) return `[${between(value.map((each) => spell(each, next)))}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(
    ([name, each]) => `${respell(name)}${blanks()}:${blanks()}${spell(each, next)}`,
  );
  return `{${between(members)}}`;
}

/** Values whose members an identity with short paths has something to say about. */
const addressable: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 2, arbitrary: fc.oneof(fc.integer(), anyText, fc.constantFrom(null, true)) },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    {
      weight: 4,
      arbitrary: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'é', '"'), tie('value'), {
        maxKeys: 3,
      }),
    },
  ),
})).value;

const somePaths = fc.uniqueArray(
  fc.constantFrom('a', '$.b', '$..c', '$.a[0]', '$[*].b', "$['é']", `$['"'].a`, '$.a.b', '$[1]'),
  { minLength: 1, maxLength: 3 },
);
const anyIdentity: fc.Arbitrary<IdentityOptions> = fc.record(
  {
    include: somePaths,
    exclude: somePaths,
    refs: somePaths,
    scope: fc.constantFrom('tenant', ['a', 'é']),
    bits: fc.constantFrom(256, 128),
    secret: fc.constant('secret'),
  },
  { requiredKeys: [] },
);

/** The key, or the code of the error instead. */
function outcome(act: () => string): string {
  try {
    return act();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

onEach(CANONICALIZERS, () => {
  it.each(vectors)('reads $name', (vector) => {
    for (const content of contentForms(vector)) {
      const options = optionsOf(vector);
      expect(textOf(canonicalizeJson(content, options))).toBe(vector.canonical);
      expect(keyOfJson(content, options)).toBe(sha256Hex(vector.canonical));
    }
  });

  it('takes bytes from wherever they are, and leaves them alone', () => {
    const bytes = new TextEncoder().encode('xx{"b":"\\u0041", "a":1}xx');
    const before = bytes.slice();
    const part = bytes.subarray(2, -2);
    const forms = [part, part.slice().buffer, new DataView(bytes.buffer, 2, part.length)];
    for (const form of forms) expect(textOf(canonicalizeJson(form))).toBe('{"a":1,"b":"A"}');
    expect(bytes).toEqual(before);
  });

  it('returns bytes with a buffer of their own', () => {
    const first = canonicalizeJson('[1,2,3]');
    canonicalizeJson('[4,5,6]');
    keyOf(['x'.repeat(100)]);
    expect(textOf(first)).toBe('[1,2,3]');
    expect(first.buffer.byteLength).toBe(7);
  });

  it.each([
    ['long strings', JSON.stringify({ b: 'é"\n'.repeat(90_000), a: 'x'.repeat(300_000) })],
    ['many members', JSON.stringify(Object.fromEntries([...Array(30_000)].map((_, i) => [i, i])))],
    ['many strings', JSON.stringify({ b: [...Array(30_000)].map((_, i) => `n°${i}`), a: 0 })],
  ])('reads documents of many chunks: %s', (_, text) => {
    expect(textOf(canonicalizeJson(text))).toBe(textOf(canonicalBytes(JSON.parse(text))));
    expect(keyOfJson(text)).toBe(keyOf(JSON.parse(text)));
  });

  it('accepts names that every object inherits, even with additions to Object.prototype', () => {
    const polluted = Object.prototype as { polluted?: unknown };
    polluted.polluted = 1;
    try {
      expect(textOf(canonicalizeJson('[{"polluted":2},{}]'))).toBe('[{"polluted":2},{}]');
    } finally {
      delete polluted.polluted;
    }
  });

  describe(`SAMEKEY_TEST_SEED=${SEED}`, () => {
    it('gives the key of the value', () => {
      fc.assert(
        fc.property(anyJson, (value) => {
          const text = JSON.stringify(value);
          expect(keyOfJson(text, { bigNumbers: 'double' })).toBe(keyOf(value));
        }),
        { seed: SEED, numRuns: 500 },
      );
    });

    it('gives one key to all spellings', () => {
      fc.assert(
        fc.property(anyJson, fc.nat(), (value, seed) => {
          const next = random(seed);
          const text = spell(shuffled(value, next), next);
          const expected = textOf(canonicalBytes(value));
          expect(textOf(canonicalizeJson(text, { bigNumbers: 'double' }))).toBe(expected);
        }),
        { seed: SEED, numRuns: 500 },
      );
    });

    it('gives the key of the value under any identity', () => {
      fc.assert(
        fc.property(addressable, anyIdentity, fc.nat(), (value, identity, seed) => {
          const next = random(seed);
          const text = spell(shuffled(value, next), next);
          expect(outcome(() => keyOfJson(text, identity))).toBe(
            outcome(() => keyOf(value, identity)),
          );
        }),
        { seed: SEED, numRuns: 500 },
      );
    });
  });
});
