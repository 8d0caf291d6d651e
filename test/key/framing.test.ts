import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyOf, scoped, sha256Hex } from '../../src/index.js';
import { expectThrown } from '../errors/thrown.js';
import { anyJson } from '../json/values.js';

/** A scope, short and with everything in it at which a frame could be cut wrongly. */
const scope = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', ':', '/', '\u0001', '"', '{', 'é'), maxLength: 3 }),
  fc.string({ unit: 'binary', maxLength: 5 }).map((text) => text.replaceAll('\0', '')),
);

/** Bytes with a high share of zero bytes. */
const content = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', ':', '\0', '"', '}'), maxLength: 4 }),
  fc.uint8Array({ maxLength: 6 }),
);

const bytesOf = (value: string | Uint8Array) => Buffer.from(value as string);

describe('frames are distinct', () => {
  it('for any content, given a number of scopes', () => {
    const frames = (count: number) =>
      fc.tuple(fc.array(scope, { minLength: count, maxLength: count }), content);
    const pairs = fc
      .integer({ min: 1, max: 3 })
      .chain((count) => fc.tuple(frames(count), frames(count)));
    fc.assert(
      fc.property(pairs, ([[scopesA, a], [scopesB, b]]) => {
        const same =
          scopesA.every((each, i) => each === scopesB[i]) && bytesOf(a).equals(bytesOf(b));
        expect(scoped(scopesA, a) === scoped(scopesB, b)).toBe(same);
      }),
      { numRuns: 3000 },
    );
  });

  it('for JSON content, given any scopes: canonical JSON holds no zero byte', () => {
    const scopes = fc.array(scope, { maxLength: 3 });
    const key = (list: string[], value: unknown) =>
      keyOf(value, list.length === 0 ? {} : { scope: list });
    const small = fc.oneof(fc.constantFrom<unknown>('', 'a', 'a\0b', ['a'], 1, {}), anyJson);
    fc.assert(
      fc.property(scopes, small, scopes, small, (scopesA, a, scopesB, b) => {
        const same =
          JSON.stringify(scopesA) === JSON.stringify(scopesB) &&
          keyOf(JSON.parse(JSON.stringify(a))) === keyOf(JSON.parse(JSON.stringify(b)));
        expect(key(scopesA, a) === key(scopesB, b)).toBe(same);
      }),
      { numRuns: 2000 },
    );
  });

  it('is exactly scope 00 … scope 00 content', () => {
    fc.assert(
      fc.property(fc.array(scope, { minLength: 1, maxLength: 3 }), content, (scopes, value) => {
        const frame = Buffer.concat([
          ...scopes.map((each) => Buffer.from(`${each}\0`)),
          bytesOf(value),
        ]);
        expect(scoped(scopes, value)).toBe(sha256Hex(frame));
        expect(scoped(scopes, value, { secret: 'k' })).toBe(sha256Hex(frame, { secret: 'k' }));
      }),
      { numRuns: 1000 },
    );
  });

  it('for any lengths', () => {
    for (const scopeLength of [0, 1, 50, 4000, 4095, 4096, 70_000]) {
      for (const contentLength of [0, 1, 63, 64, 4096, 70_000]) {
        const [s, c] = ['s'.repeat(scopeLength), 'c'.repeat(contentLength)];
        expect(scoped(s, c)).toBe(sha256Hex(`${s}\0${c}`));
        expect(scoped([s, 't'], c)).toBe(sha256Hex(`${s}\0t\0${c}`));
      }
    }
  });
});

describe('a scope', () => {
  it.each<[unknown, ErrorConstructor, string]>([
    ['a\0', RangeError, 'U+0000 at index 1'],
    ['\0', RangeError, 'U+0000 at index 0'],
    [['ok', 'x\0y'], RangeError, 'U+0000 at index 1'],
    [[], RangeError, 'the list is empty'],
    [undefined, TypeError, 'it is undefined'],
    [null, TypeError, 'it is null'],
    [7, TypeError, 'it is a number'],
    [{}, TypeError, 'it is an object'],
    [new Set(['a']), TypeError, 'it is a Set'],
    [Uint8Array.of(1), TypeError, 'it is a Uint8Array'],
    [['a', null], TypeError, 'it is null'],
    [['a', ['b']], TypeError, 'it is an array'],
    [new Array(2), TypeError, 'it is undefined'],
  ])('cannot be %o', (bad, Class, what) => {
    expectThrown(() => scoped(bad as never, 'a'), Class, { code: 'SAMEKEY_BAD_SCOPE' });
    expect(() => scoped(bad as never, 'a')).toThrow(what);
  });

  it('has a message that can be read, however long it is', () => {
    expectThrown(() => scoped(`${'s'.repeat(100_000)}\0`, 'a'), RangeError, {
      code: 'SAMEKEY_BAD_SCOPE',
      message: /^.{1,300}$/,
    });
  });
});
