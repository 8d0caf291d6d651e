import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalize,
  explain,
  explainDifference,
  type IdentityOptions,
  identities,
  keyOf,
  scoped,
  sha256Hex,
} from '../../src/index.js';
import { deep } from '../depth.js';
import { anyJson, shuffled } from '../json/values.js';
import { random } from '../runtime/random.js';

describe('explain', () => {
  it('returns the key and its parts', () => {
    const value = { b: [1, { x: 1 }], a: 'é', trace_id: 't', doc: { z: 1, y: 2 } };
    const identity = {
      exclude: ['trace_id', '$..x'],
      scope: ['s', 't'],
      refs: ['doc'],
      bits: 128,
    } as const;
    const docDigest = keyOf({ y: 2, z: 1 }).slice(3);
    const canonical = `{"a":"é","b":[1,{}],"doc":"sha256:${docDigest}"}`;
    expect(explain(value, identity)).toEqual({
      key: keyOf(value, identity),
      canonical,
      scopes: ['s', 't'],
      excluded: [
        { path: '/b/1/x', by: '$..x' },
        { path: '/trace_id', by: '$.trace_id' },
      ],
      referenced: [{ path: '/doc', sha256: docDigest }],
    });
    expect(scoped(['s', 't'], canonical, { bits: 128 })).toBe(keyOf(value, identity));
  });

  it('has nothing to say where everything goes in', () => {
    expect(explain({ a: 1 })).toEqual({
      key: sha256Hex('{"a":1}'),
      canonical: '{"a":1}',
      scopes: [],
      excluded: [],
      referenced: [],
    });
  });

  it('names what no path includes, once, at the top of it', () => {
    const value = { a: { b: 1, c: { d: 1 } }, e: [1, { f: 1 }], g: 1 };
    const { canonical, excluded } = explain(value, { include: ['$.a.b', '$.e[1]'] });
    expect(canonical).toBe('{"a":{"b":1},"e":[{"f":1}]}');
    expect(excluded).toEqual([
      { path: '/a/c', by: undefined },
      { path: '/e/0', by: undefined },
      { path: '/g', by: undefined },
    ]);
  });

  it('points with the escapes and indexes of the value as it was given', () => {
    const value = { 'a/b': [{ x: 1 }, { '~': 1 }], '': { x: 2 } };
    const { excluded } = explain(value, { exclude: ["$['a/b'][0]", "$..['~']", "$[''].x"] });
    expect(excluded.map(({ path }) => path)).toEqual(['//x', '/a~1b/0', '/a~1b/1/~0']);
  });

  it('explains with a secret, too', () => {
    const identity = { secret: 'k', scope: 's' };
    const { key, canonical, scopes } = explain({ a: 1 }, identity);
    expect(key).toBe(keyOf({ a: 1 }, identity));
    expect(key).toBe(scoped(scopes, canonical, { secret: 'k' }));
    expect(explain({ a: 1 }, identity)).not.toHaveProperty('secret');
  });

  it('agrees with keyOf for any value', () => {
    const options = fc.constantFrom<IdentityOptions[]>(
      {},
      { exclude: ['$..a', '$[0]'] },
      { scope: 's', bits: 128 },
      { refs: ['$.*'], secret: 'k' },
      identities.volatile,
    );
    fc.assert(
      fc.property(anyJson, options, (value, identity) => {
        const { key, canonical, scopes } = explain(value, identity);
        expect(key).toBe(keyOf(value, identity));
        expect(canonicalize(JSON.parse(canonical))).toBe(canonical);
        expect(scopes).toEqual(identity.scope === undefined ? [] : ['s']);
      }),
      { numRuns: 500 },
    );
  });
});

describe('explainDifference', () => {
  it.each<[unknown, unknown, string, string | undefined, string | undefined]>([
    [1, 2, '', '1', '2'],
    [{ a: 1 }, { a: 2 }, '/a', '1', '2'],
    [{ a: 1 }, {}, '/a', '1', undefined],
    [{}, { a: null }, '/a', undefined, 'null'],
    [{ a: [1, 2] }, { a: [1] }, '/a/1', '2', undefined],
    [[], {}, '', '[]', '{}'],
    [{ a: [] }, { a: {} }, '/a', '[]', '{}'],
    [{ a: { b: 'x"' } }, { a: { b: ['x"'] } }, '/a/b', '"x\\""', '["x\\""]'],
    [{ a: 1 }, { a: '1' }, '/a', '1', '"1"'],
    [{ a: null }, { a: false }, '/a', 'null', 'false'],
    [{ 'a/b': { '~': 1 } }, { 'a/b': { '~': 2 } }, '/a~1b/~0', '1', '2'],
    [{ '': 1 }, { '': 2 }, '/', '1', '2'],
    [{ b: { d: 1, c: 2 } }, { b: 3 }, '/b', '{"c":2,"d":1}', '3'],
    [
      JSON.parse('{"__proto__":{"x":1}}'),
      JSON.parse('{"__proto__":{"x":2}}'),
      '/__proto__/x',
      '1',
      '2',
    ],
    [JSON.parse('{"__proto__":1}'), {}, '/__proto__', '1', undefined],
    [{ toString: 1 }, {}, '/toString', '1', undefined],
    [
      { at: new Date(0) },
      { at: new Date(1) },
      '/at',
      '"1970-01-01T00:00:00.000Z"',
      '"1970-01-01T00:00:00.001Z"',
    ],
  ])('of %j and %j', (left, right, path, a, b) => {
    expect(explainDifference(left, right)).toEqual([{ path, a, b }]);
    expect(explainDifference(right, left)).toEqual([{ path, a: b, b: a }]);
  });

  it('names every place, in the order of the canonical form', () => {
    const a = { z: 1, list: [1, 2, 3], same: { x: [1] }, B: 1, b: 1 };
    const b = { list: [1, 5, 3, 4], same: { x: [1] }, a: 1, B: 2, b: 2 };
    expect(explainDifference(a, b).map(({ path }) => path)).toEqual([
      '/B',
      '/a',
      '/b',
      '/list/1',
      '/list/3',
      '/z',
    ]);
  });

  it('compares numbers beyond 2^53 - 1 as the key does', () => {
    const [n, other] = [2 ** 60, 2 ** 61];
    const text = '1152921504606847000';
    expect(explainDifference({ n, a: 1 }, { n, a: 2 })).toEqual([{ path: '/a', a: '1', b: '2' }]);
    expect(explainDifference({ n }, { n: other })).toEqual([
      { path: '/n', a: text, b: '2305843009213694000' },
    ]);
    expect(explainDifference({ n }, {})).toEqual([{ path: '/n', a: text, b: undefined }]);
    expect(explainDifference({ n }, { n: text })).toEqual([
      { path: '/n', a: text, b: `"${text}"` },
    ]);
  });

  it('ignores values outside the identity', () => {
    const a = { model: 'm', trace_id: 1, doc: 'x' };
    const b = { model: 'm', trace_id: 2, doc: 'y' };
    expect(explainDifference(a, b, { exclude: ['trace_id', 'doc'] })).toEqual([]);
    expect(explainDifference(a, b, { include: ['model'] })).toEqual([]);
    const [difference] = explainDifference(a, b, { exclude: ['trace_id'], refs: ['doc'] });
    expect(difference?.path).toBe('/doc');
    expect(difference?.a).toMatch(/^"sha256:[0-9a-f]{64}"$/);
  });

  it('is empty if and only if the keys are equal', () => {
    const options = fc.constantFrom<(IdentityOptions | undefined)[]>(
      undefined,
      { exclude: ['$..a', '$[0]', '$[*].x'] },
      { include: ['$', '$.a'] },
      { scope: 's', secret: 'k' },
      { refs: ['$.*', '$[*]'] },
    );
    // Two values that are the same but for the order, nearly the same, or nothing alike.
    const pairs = fc.oneof(
      fc.tuple(anyJson, fc.nat()).map(([value, seed]) => [value, shuffled(value, random(seed))]),
      fc.tuple(anyJson, anyJson, fc.constantFrom('a', 'x')).map(([value, other, name]) => [
        { list: [value], rest: value, [name]: value },
        { list: [value], rest: value, [name]: other },
      ]),
      fc.tuple(anyJson, anyJson),
    );
    let equal = 0;
    let different = 0;
    fc.assert(
      fc.property(pairs, options, ([a, b], identity) => {
        const differences = explainDifference(a, b, identity);
        const same = keyOf(a, identity) === keyOf(b, identity);
        if (same) equal++;
        else different++;
        expect(differences.length === 0).toBe(same);
        for (const difference of differences) expect(difference.a).not.toBe(difference.b);
      }),
      { numRuns: deep(300, 1500) },
    );
    expect(Math.min(equal, different)).toBeGreaterThan(deep(20, 100));
  });
});
