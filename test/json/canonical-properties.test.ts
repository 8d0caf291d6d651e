import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalBytes, canonicalize, customId, keyOf, sha256Hex } from '../../src/index.js';
import { deep } from '../depth.js';
import { CANONICALIZERS, onEach, under } from '../engine/engines.js';
import { random } from '../runtime/random.js';
import { referenceJson } from './reference-json.js';
import { anyJson, anyText, shuffled } from './values.js';

// When one of these fails, fast-check prints the seed and the path to run it again.
const RUNS = { numRuns: deep(150, 500) };

onEach(CANONICALIZERS, () => {
  it('writes what the reference writes', () => {
    fc.assert(
      fc.property(anyJson, (value) => canonicalize(value) === referenceJson(value)),
      RUNS,
    );
  });

  it('writes strings as JSON.stringify does', () => {
    fc.assert(
      fc.property(anyText, (text) => canonicalize(text) === JSON.stringify(text)),
      RUNS,
    );
  });

  it('is a fixed point: the canonical form of a canonical form is itself', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const canonical = canonicalize(value);
        return canonicalize(JSON.parse(canonical)) === canonical;
      }),
      RUNS,
    );
  });

  it('loses nothing: reading it back gives the value', () => {
    fc.assert(
      fc.property(anyJson, (value) =>
        isDeepStrictEqual(JSON.parse(canonicalize(value)), JSON.parse(JSON.stringify(value))),
      ),
      RUNS,
    );
  });

  it('does not depend on the order of members or on white space', () => {
    fc.assert(
      fc.property(anyJson, fc.nat(), fc.constantFrom(0, 1, 4, '\t'), (value, seed, indent) => {
        const other = JSON.stringify(shuffled(value, random(seed)), null, indent);
        return keyOf(JSON.parse(other)) === keyOf(value);
      }),
      RUNS,
    );
  });

  it('gives bytes, text and keys that agree', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = canonicalize(value);
        expect(Buffer.compare(canonicalBytes(value), Buffer.from(text))).toBe(0);
        expect(keyOf(value)).toBe(sha256Hex(text));
        expect(keyOf(value, {})).toBe(sha256Hex(text));
        expect(customId(value)).toBe(sha256Hex(text, { bits: 128 }));
      }),
      RUNS,
    );
  });

  it('tells different values apart', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (a, b) => {
        const same = isDeepStrictEqual(
          JSON.parse(JSON.stringify(a)),
          JSON.parse(JSON.stringify(b)),
        );
        return same === (canonicalize(a) === canonicalize(b));
      }),
      RUNS,
    );
  });

  it('leaves the value as it was', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const before = JSON.stringify(value);
        keyOf(value);
        return JSON.stringify(value) === before;
      }),
      { numRuns: 200 },
    );
  });
});

it('gives the same bytes from every canonicalizer', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const [first, ...others] = CANONICALIZERS.map((choice) =>
        under(choice, () => canonicalBytes(value)),
      );
      return others.every((bytes) => Buffer.compare(bytes, first as Uint8Array) === 0);
    }),
    { numRuns: 300 },
  );
});
