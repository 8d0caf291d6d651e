import { describe, expect, it } from 'vitest';
import {
  customId,
  defineIdentity,
  explain,
  type IdentityOptions,
  identities,
  keyOf,
  scoped,
  sha256Hex,
  useEngine,
} from '../../src/index.js';
import { expectThrown } from '../errors/thrown.js';

const ORDER = {
  order_id: 7,
  trace_id: 'x',
  items: [
    { sku: 'A1', note: 'gift', price: 1.5 },
    { sku: 'B2', note: '', price: 2 },
  ],
  customer: { id: 'c1', trace_id: 'inner' },
};

const canonicalOf = (value: unknown, identity: IdentityOptions) =>
  explain(value, identity).canonical;

describe('include', () => {
  it('keeps the named values completely, and their containers', () => {
    expect(canonicalOf(ORDER, { include: ['order_id', '$.items[*].sku'] })).toBe(
      '{"items":[{"sku":"A1"},{"sku":"B2"}],"order_id":7}',
    );
    expect(canonicalOf(ORDER, { include: ['customer'] })).toBe(
      '{"customer":{"id":"c1","trace_id":"inner"}}',
    );
  });

  it('keeps a container on the way also when nothing in it is named', () => {
    expect(canonicalOf({ a: { b: 1 }, c: 2 }, { include: ['$.a.x', 'c'] })).toBe('{"a":{},"c":2}');
    expect(canonicalOf({ a: [1], c: 2 }, { include: ['$.a.x', 'c'] })).toBe('{"a":[],"c":2}');
    // A scalar does not stay: a path cannot lead into it.
    expect(canonicalOf({ a: 1, c: 2 }, { include: ['$.a.x', 'c'] })).toBe('{"c":2}');
  });

  it('moves later elements up when one is not named', () => {
    expect(canonicalOf(['a', 'b', 'c', 'd'], { include: ['$[1,3]'] })).toBe('["b","d"]');
  });

  it('of "$" is everything', () => {
    expect(keyOf(ORDER, { include: ['$'] })).toBe(keyOf(ORDER));
    expect(keyOf('text', { include: ['$'] })).toBe(keyOf('text'));
  });

  it('refuses a value that has none of the paths, and says which', () => {
    for (const value of [{}, { other: 1 }, [], 'text', null, 7, { a: 1 }, { a: undefined }]) {
      for (const act of [keyOf, customId, explain]) {
        expectThrown(() => act(value, { include: ['order_id', '$.a.b'] }), RangeError, {
          code: 'SAMEKEY_EMPTY_IDENTITY',
          message: /\(\$\.order_id, \$\.a\.b\)$/,
        });
      }
    }
  });

  it('refuses a value of which exclude leaves nothing that was named', () => {
    expectThrown(() => keyOf({ a: 1, b: 2 }, { include: ['a'], exclude: ['a'] }), RangeError, {
      code: 'SAMEKEY_EMPTY_IDENTITY',
    });
  });

  it('accepts every value at the path', () => {
    for (const value of [null, false, 0, '', [], {}]) {
      expect(canonicalOf({ a: value, b: 1 }, { include: ['a'] })).toBe(
        `{"a":${JSON.stringify(value)}}`,
      );
    }
  });
});

describe('exclude', () => {
  it('leaves out the named values, only at these places', () => {
    expect(keyOf(ORDER, { exclude: ['trace_id'] })).toBe(
      keyOf({ order_id: 7, items: ORDER.items, customer: ORDER.customer }),
    );
    expect(canonicalOf(ORDER, { exclude: ['$..trace_id', 'items'] })).toBe(
      '{"customer":{"id":"c1"},"order_id":7}',
    );
  });

  it('is stronger than include', () => {
    expect(canonicalOf(ORDER, { include: ['customer'], exclude: ['$..trace_id'] })).toBe(
      '{"customer":{"id":"c1"}}',
    );
    expect(canonicalOf({ a: 1, b: 2 }, { include: ['a', 'b'], exclude: ['a'] })).toBe('{"b":2}');
  });

  it('moves later elements up', () => {
    expect(canonicalOf(['a', 'b', 'c'], { exclude: ['$[1]'] })).toBe('["a","c"]');
    expect(keyOf(['a', 'b', 'c'], { exclude: ['$[1]'] })).toBe(keyOf(['a', 'c']));
  });

  it('of an absent path excludes nothing', () => {
    expect(keyOf(ORDER, { exclude: ['nothing', '$.items[9]', '$.order_id.x'] })).toBe(keyOf(ORDER));
  });

  it('takes names as they are: case matters, and indexes are not names', () => {
    expect(canonicalOf({ A: 1, a: 2 }, { exclude: ['a'] })).toBe('{"A":1}');
    expect(canonicalOf({ 0: 'x', a: ['y'] }, { exclude: ['$[0]'] })).toBe('{"0":"x","a":["y"]}');
    expect(canonicalOf(['x'], { exclude: ["$['0']"] })).toBe('["x"]');
    const proto = JSON.parse('{"__proto__":1,"a":2}');
    expect(canonicalOf(proto, { exclude: ['__proto__'] })).toBe('{"a":2}');
    expect(canonicalOf(proto, { include: ['__proto__'] })).toBe('{"__proto__":1}');
  });

  it('never reads excluded values', () => {
    expect(canonicalOf({ a: 1, b: 10n, c: [Number.NaN] }, { exclude: ['b', '$.c[*]'] })).toBe(
      '{"a":1,"c":[]}',
    );
  });
});

describe('scope', () => {
  it('goes before the content, from the outermost inwards', () => {
    const json = '{"a":1}';
    expect(keyOf({ a: 1 }, { scope: 't' })).toBe(scoped('t', json));
    expect(keyOf({ a: 1 }, { scope: ['t'] })).toBe(scoped('t', json));
    expect(keyOf({ a: 1 }, { scope: ['t', 'u'] })).toBe(sha256Hex(`t\0u\0${json}`));
    expect(keyOf({ a: 1 }, { scope: '' })).toBe(sha256Hex(`\0${json}`));
    expect(keyOf({ a: 1 }, { scope: 'Zürich 🏔' })).toBe(sha256Hex(`Zürich 🏔\0${json}`));
  });

  it('differs from every other scope', () => {
    const scopes = ['t', 'T', 't ', ['t', ''], ['', 't'], ['t', 't'], '', 'é', 'e\u0301'];
    const keys = [undefined, ...scopes].map((scope) =>
      keyOf(1, scope === undefined ? {} : { scope }),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it.each<[unknown, ErrorConstructor]>([
    ['a\0b', RangeError],
    [['a', '\0'], RangeError],
    [[], RangeError],
    [null, TypeError],
    [7, TypeError],
    [['a', 7], TypeError],
    [['a', undefined], TypeError],
    [{}, TypeError],
  ])('refuses %j', (scope, Class) => {
    expectThrown(() => defineIdentity({ scope: scope as never }), Class, {
      code: 'SAMEKEY_BAD_SCOPE',
    });
  });
});

describe('bits and secret', () => {
  const full = keyOf(ORDER);
  it('choose the form of the key', () => {
    expect(keyOf(ORDER, { bits: 256 })).toBe(full);
    expect(keyOf(ORDER, { bits: 128 })).toBe(full.slice(0, 35));
    expect(customId(ORDER)).toBe(full.slice(0, 35));
    expect(customId(ORDER, { bits: 256, scope: 's' })).toBe(
      keyOf(ORDER, { bits: 128, scope: 's' }),
    );
  });

  it('make it an HMAC of the same frame', () => {
    const canonical = canonicalOf(ORDER, {});
    const secret = Uint8Array.of(1, 2, 3);
    expect(keyOf(ORDER, { secret })).toBe(sha256Hex(canonical, { secret }));
    expect(keyOf(ORDER, { secret, scope: 's', bits: 128 })).toBe(
      scoped('s', canonical, { secret, bits: 128 }),
    );
    expect(keyOf(ORDER, { secret: 'a' })).not.toBe(keyOf(ORDER, { secret: 'b' }));
    expect(customId(ORDER, { secret })).toBe(keyOf(ORDER, { secret, bits: 128 }));
  });
});

describe('an identity', () => {
  it('is the same compiled or as a plain object', () => {
    const options = { exclude: ['trace_id'], scope: ['a', 'b'], bits: 128, secret: 's' } as const;
    const identity = defineIdentity(options);
    expect(keyOf(ORDER, identity)).toBe(keyOf(ORDER, options));
    expect(customId(ORDER, identity)).toBe(customId(ORDER, options));
    expect({ ...identity }).toEqual(options);
    expect(keyOf(ORDER, { ...identity })).toBe(keyOf(ORDER, identity));
    expect(keyOf(ORDER, defineIdentity(identity))).toBe(keyOf(ORDER, identity));
  });

  it('can be built on, presets as well', () => {
    const identity = { ...identities.volatile, scope: 'tenant-1' };
    expect(keyOf({ a: 1, trace_id: 'x' }, identity)).toBe(keyOf({ a: 1 }, { scope: 'tenant-1' }));
    expect(keyOf({ a: 1, trace_id: 'x' }, identities.volatile)).toBe(keyOf({ a: 1 }));
  });

  it('does not change after it was defined', () => {
    const options = { exclude: ['a'], scope: ['s'], secret: Uint8Array.of(1), refs: ['b'] };
    for (const window of [{}, { window: { lengthMs: 1000, clock: () => 5000 } }]) {
      const identity = defineIdentity({ ...options, ...window });
      const before = explain({ a: 1, b: 2, c: 3 }, identity);
      options.exclude[0] = 'c';
      options.scope[0] = 'other';
      options.secret[0] = 2;
      options.refs.length = 0;
      expect(explain({ a: 1, b: 2, c: 3 }, identity)).toEqual(before);
      expect(keyOf({ a: 1, b: 2, c: 3 }, identity)).toBe(before.key);
      Object.assign(options, {
        exclude: ['a'],
        scope: ['s'],
        secret: Uint8Array.of(1),
        refs: ['b'],
      });
      expect(() => Object.assign(identity, { bits: 128 })).toThrow(TypeError);
    }
  });

  it('outlives a change of engine', () => {
    const identity = defineIdentity({ exclude: ['trace_id'], refs: ['$.items'], scope: 's' });
    const keys = (['auto', 'wasm', 'js', 'native', 'auto'] as const).map((engine) => {
      useEngine(engine);
      return keyOf(ORDER, identity);
    });
    useEngine('auto');
    expect(new Set(keys).size).toBe(1);
  });

  it.each<[Record<string, unknown>, ErrorConstructor, string]>([
    [{ excludes: ['a'] }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ scopes: 'a' }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ 'a\nb': 1 }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ secret: undefined }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ secret: null }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ secret: '' }, RangeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ secret: new Uint8Array(0) }, RangeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ bits: 64 }, RangeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ bits: '256' }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ bits: null }, TypeError, 'SAMEKEY_BAD_ARGUMENT'],
    [{ scope: undefined }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ include: undefined }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ exclude: undefined }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: undefined }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: undefined }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ include: [] }, RangeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ include: null }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ include: 'a' }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ exclude: null }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ exclude: 'trace_id' }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ exclude: ['$'] }, RangeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: null }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: 'a' }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: 7 }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: {} }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: { paths: ['a'] } }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: { paths: 'a', cache: new Map() } }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ refs: { paths: ['a'], cache: {} } }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: null }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: 60_000 }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: { lengthMs: '60' } }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: {} }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: { lengthMs: 0 } }, RangeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: { lengthMs: 1.5 } }, RangeError, 'SAMEKEY_BAD_IDENTITY'],
    [{ window: { lengthMs: 1, clock: 5 } }, TypeError, 'SAMEKEY_BAD_IDENTITY'],
  ])('refuses %j', (options, Class, code) => {
    const expected = {
      code: code as 'SAMEKEY_BAD_IDENTITY',
      // It names the member.
      message: new RegExp(Object.keys(options)[0]?.split('\n')[0] as string),
    };
    expectThrown(() => defineIdentity(options), Class, expected);
    expectThrown(() => keyOf({ a: 1 }, options), Class, expected);
  });
});

describe('a list of scopes', () => {
  it('is copied: a later change of the list changes nothing', () => {
    const scope = ['tenant-1', 'orders'];
    const identity = defineIdentity({ scope });
    const before = explain(ORDER, identity);
    scope[0] = 'tenant-2';
    scope.push('more');
    expect(explain(ORDER, identity)).toEqual(before);
    expect(before.scopes).toEqual(['tenant-1', 'orders']);
  });
});
