import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  canonicalize,
  customId,
  explain,
  explainDifference,
  keyOf,
  type SamekeyErrorCode,
} from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';

const ENTRANCES: [string, (value: unknown) => unknown][] = [
  ['canonicalize', canonicalize],
  ['canonicalBytes', canonicalBytes],
  ['keyOf', keyOf],
  ['keyOf, with an identity', (value) => keyOf(value, { exclude: ['$..nothing'], scope: 's' })],
  ['keyOf, with a list of paths to include', (value) => keyOf(value, { include: ['$', '$..*'] })],
  ['customId', customId],
  ['explain', explain],
  ['explainDifference', (value) => explainDifference({}, value)],
];

/** A place for a value, the pointer to it, and whether it is a member. */
const PLACES: [string, (value: unknown) => unknown][] = [
  ['', (value) => value],
  ['/a', (value) => ({ a: value })],
  ['/0', (value) => [value]],
  ['/2', (value) => [1, 'two', value]],
  ['/8', (value) => [0, 1, 2, 3, 4, 5, 6, 7, value, 9]],
  ['/messages/3/content', (value) => ({ messages: [1, 2, 3, { content: value }] })],
  ['/b/0/1', (value) => ({ a: [[[]], {}], b: [[[], value]], c: 1 })],
  ['/a~1b/~0c/', (value) => ({ 'a/b': { '~c': { '': value } } })],
  ['/~01/"quoted"/é\n', (value) => ({ '~1': { '"quoted"': { 'é\n': value } } })],
  [
    '/__proto__/x',
    (value) => JSON.parse('{"__proto__":{}}', (key, v) => (key === '__proto__' ? { x: value } : v)),
  ],
];

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}

function* generator() {
  yield 1;
}

const NOT_JSON: [string, unknown][] = [
  ['a function', () => 1],
  ['a class', Point],
  ['a symbol', Symbol('s')],
  ['a BigInt', 10n],
  ['a boxed BigInt', Object(10n)],
  ['a boxed symbol', Object(Symbol('s'))],
  ['a Map', new Map([['a', 1]])],
  ['an empty Map', new Map()],
  ['a Set', new Set([1])],
  ['a WeakMap', new WeakMap()],
  ['a WeakSet', new WeakSet()],
  ['a Promise', Promise.resolve(1)],
  ['a RegExp', /a/],
  ['an Error', new Error('e')],
  ['an Error with members', Object.assign(new TypeError('e'), { code: 'E' })],
  ['a Map with members', Object.assign(new Map(), { a: 1 })],
  ['a Uint8Array', Uint8Array.of(1, 2)],
  ['an empty Uint8Array', new Uint8Array(0)],
  ['a Float64Array', Float64Array.of(1.5)],
  ['a DataView', new DataView(new ArrayBuffer(2))],
  ['a Buffer, which has toJSON', Buffer.from('ab')],
  ['an ArrayBuffer', new ArrayBuffer(2)],
  ['a SharedArrayBuffer', new SharedArrayBuffer(2)],
  ['a Blob', new Blob(['a'])],
  ['Headers', new Headers({ a: 'b' })],
  ['URLSearchParams', new URLSearchParams('a=b')],
  ['a ReadableStream', new ReadableStream()],
  ['a generator', generator()],
  ['an iterator', [1, 2].values()],
];

class PrivateCents {
  #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  total() {
    return this.#cents;
  }
}

class PrivateAndPublic extends PrivateCents {
  currency = 'EUR';
}

class WithAccessor {
  currency = 'EUR';
  get cents() {
    return 5;
  }
}

class OnlyMethods {
  total() {
    return 5;
  }
}

class WithSetter {
  currency = 'EUR';
  set cents(_: number) {}
}

/** As TypeScript, esbuild and Babel write private fields for older platforms. */
const [Lowered, LoweredByEsbuild, LoweredByBabel] = new Function(
  `const _cents = new WeakMap(), set = (object, map, value) => map.set(object, value);
  const __classPrivateFieldSet = set, __privateAdd = set, _classPrivateFieldInitSpec = set;
  return [
    class { currency = 'EUR'; constructor(cents) { __classPrivateFieldSet(this, _cents, cents); } },
    class { currency = 'EUR'; constructor(cents) { __privateAdd(this, _cents, cents); } },
    class { currency = 'EUR'; constructor(cents) { _classPrivateFieldInitSpec(this, _cents, cents); } },
  ];`,
)();

const HIDDEN: [string, unknown][] = [
  ['an instance with a private field', new PrivateCents(5)],
  ['an instance with private fields of its base class', new PrivateAndPublic(5)],
  ['a private field behind a proxy', new Proxy(new PrivateAndPublic(5), {})],
  ['private fields for older platforms, by TypeScript', new Lowered(5)],
  ['private fields for older platforms, by esbuild', new LoweredByEsbuild(5)],
  ['private fields for older platforms, by Babel', new LoweredByBabel(5)],
  ['an accessor of the class', new WithAccessor()],
  ['a setter of the class', new WithSetter()],
  ['an accessor of a subclass', new (class extends WithAccessor {})()],
  [
    'an accessor of a prototype that is no class',
    Object.create({
      get cents() {
        return 5;
      },
    }),
  ],
  [
    'an accessor of a prototype without one',
    Object.create(Object.create(null, { cents: { get: () => 5 } })),
  ],
  ['a class of methods alone', new OnlyMethods()],
  [
    'a member that is not enumerable',
    Object.defineProperty(new Point(1, 2), 'cents', { value: 5 }),
  ],
  ['a member whose name is a symbol', Object.assign(new Point(1, 2), { [Symbol('cents')]: 5 })],
  ['a subclass of Map with members', Object.assign(new (class extends Map {})(), { a: 1 })],
  ['an invalid Date', new Date(Number.NaN)],
  ['an invalid Date of another realm', runInNewContext('new Date(NaN)')],
  ['an invalid Date with a member', Object.assign(new Date(Number.NaN), { a: 1 })],
  ['Headers with a member', Object.assign(new Headers({ a: 'b' }), { c: 1 })],
  ['URLSearchParams with a member', Object.assign(new URLSearchParams('a=b'), { c: 1 })],
  ['a Blob with a member', Object.assign(new Blob(['a']), { c: 1 })],
  ['FormData', new FormData()],
  ['a File', new File(['a'], 'b')],
  ['a Request', new Request('https://example.com')],
  ['a DOMException', new DOMException('a', 'b')],
  ['a number format', new Intl.NumberFormat('de')],
  ['an AbortSignal', new AbortController().signal],
  ['an Error of another realm', runInNewContext('new Error("a")')],
  ['a Map of another realm', runInNewContext('new Map([[1, 2]])')],
];

const LONE_SURROGATES: [string, string][] = [
  ['a high one alone', '\ud800'],
  ['a low one alone', '\udfff'],
  ['a pair the wrong way round', '\ude00\ud83d'],
  ['a high one before a letter', 'a\ud83db'],
  ['a high one at the end', 'text\ud83d'],
  ['one after a pair', '😀\udc00'],
  ['one beside a quote', '"\ud800'],
  ['one beside a line feed', '\udc00\n'],
  ['one beside a backslash and letters of any width', '\\é東😀\ud800'],
  ['one in a long text', `${'x'.repeat(100)}\ud800${'x'.repeat(100)}`],
  ['one in a long text with escapes', `${'"'.repeat(100)}\ud800${'\n'.repeat(100)}`],
  ['one where a piece ends', `${'x'.repeat(8191)}\ud83d${'x'.repeat(10)}`],
  ['one where a piece ends, with escapes', `${'\n'.repeat(8191)}\ud83d${'\n'.repeat(10)}`],
  ['one in the third piece', `${'x'.repeat(150_000)}\ud83d"`],
];

onEach(CANONICALIZERS, () => {
  /** Puts `value` into every place, and every place into every function. */
  function refusedAnywhere(value: unknown, Class: ErrorConstructor, code: SamekeyErrorCode) {
    for (const [path, put] of PLACES) {
      for (const [, act] of ENTRANCES) expectThrown(() => act(put(value)), Class, { code, path });
    }
  }

  it.each(NOT_JSON)('refuses %s', (_, value) => {
    refusedAnywhere(value, TypeError, 'SAMEKEY_NOT_JSON');
  });

  it.each(HIDDEN)('refuses hidden state: %s', (_, value) => {
    refusedAnywhere(value, TypeError, 'SAMEKEY_NOT_JSON');
  });

  it('says what would be right', () => {
    expectThrown(() => canonicalize({ amount: new PrivateCents(5) }), TypeError, {
      code: 'SAMEKEY_NOT_JSON',
      message:
        /^Cannot canonicalize the value at "\/amount": a PrivateCents is not JSON: it may have state beside its own members, wanted a plain object or a toJSON method$/,
    });
  });

  it('takes instances whose members show their state, and those with toJSON', () => {
    class Line extends Point {
      length() {
        return Math.hypot(this.x, this.y);
      }
    }
    class Cents extends PrivateCents {
      toJSON() {
        return { cents: this.total() };
      }
    }
    expect(canonicalize([new Point(1, 2), new Line(3, 4), new Cents(5)])).toBe(
      '[{"x":1,"y":2},{"x":3,"y":4},{"cents":5}]',
    );
    expect(canonicalize(runInNewContext('({ b: [new Date(0)], a: 1 })'))).toBe(
      '{"a":1,"b":["1970-01-01T00:00:00.000Z"]}',
    );
    const nothing = Object.assign(Object.create(Object.create(null)), { a: 1 });
    expect(canonicalize(nothing)).toBe('{"a":1}');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses %d', (n) => {
    refusedAnywhere(n, RangeError, 'SAMEKEY_NOT_FINITE');
    refusedAnywhere(Object(n), RangeError, 'SAMEKEY_NOT_FINITE');
  });

  it.each(LONE_SURROGATES)('refuses text with a lone surrogate: %s', (_, text) => {
    refusedAnywhere(text, TypeError, 'SAMEKEY_LONE_SURROGATE');
  });

  it.each(LONE_SURROGATES)('refuses a name with a lone surrogate: %s', (_, name) => {
    const path = `/outer/1/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    for (const [, act] of ENTRANCES) {
      expectThrown(() => act({ outer: [0, { a: 1, [name]: 2 }] }), TypeError, {
        code: 'SAMEKEY_LONE_SURROGATE',
        path,
      });
    }
  });

  it('refuses undefined, but for a member, which it leaves out', () => {
    for (const [, act] of ENTRANCES) {
      for (const [path, value] of [
        ['', undefined],
        ['/0', [undefined]],
        ['/1', [1, undefined, 3]],
        ['/a/8', { a: [0, 1, 2, 3, 4, 5, 6, 7, undefined] }],
        ['/a/0', { a: [undefined, 1, 2, 3, 4, 5, 6, 7] }],
      ] as const) {
        expectThrown(() => act(value), TypeError, { code: 'SAMEKEY_NOT_JSON', path });
      }
    }
    expect(canonicalize({ b: undefined, a: 1, c: { d: undefined } })).toBe('{"a":1,"c":{}}');
    expect(keyOf({ a: 1, b: undefined })).toBe(keyOf({ a: 1 }));
  });

  it('refuses the hole of a sparse array as the undefined it is', () => {
    const sparse = [1, 2, 3];
    delete sparse[1];
    const long = Array.from({ length: 20 }, (_, i) => i);
    delete long[11];
    for (const [, act] of ENTRANCES) {
      expectThrown(() => act(sparse), TypeError, { code: 'SAMEKEY_NOT_JSON', path: '/1' });
      expectThrown(() => act(new Array(3)), TypeError, { code: 'SAMEKEY_NOT_JSON', path: '/0' });
      expectThrown(() => act(long), TypeError, { code: 'SAMEKEY_NOT_JSON', path: '/11' });
    }
  });

  it('refuses an enormous sparse array at its first hole', () => {
    const sparse: unknown[] = [];
    sparse[2 ** 32 - 2] = 1;
    expectThrown(() => keyOf(sparse), TypeError, { code: 'SAMEKEY_NOT_JSON', path: '/0' });
  });

  it('points to an invalid value inside a referenced value', () => {
    const value = { doc: { pages: [1, Number.NaN] } };
    expectThrown(() => keyOf(value, { refs: ['$.doc'] }), RangeError, {
      code: 'SAMEKEY_NOT_FINITE',
      path: '/doc/pages/1',
    });
    expectThrown(() => keyOf({ text: 'a\ud800' }, { refs: ['$.text'] }), TypeError, {
      code: 'SAMEKEY_LONE_SURROGATE',
      path: '/text',
    });
  });

  it('works normally after a rejected value', () => {
    for (const [, value] of NOT_JSON) {
      for (const [, act] of ENTRANCES) {
        expect(() => act({ a: 'x'.repeat(70_000), b: [value] })).toThrow(
          expect.objectContaining({ code: 'SAMEKEY_NOT_JSON' }),
        );
        expect(canonicalize({ b: 1, a: 2 })).toBe('{"a":2,"b":1}');
      }
    }
  });
});

describe('messages', () => {
  it.each([
    [[1n], 'Cannot canonicalize the value at "/0": a BigInt is not JSON, pass it as text'],
    [{ a: new Map() }, 'Cannot canonicalize the value at "/a": a Map is not JSON'],
    [undefined, 'Cannot canonicalize the value at "": undefined is not JSON'],
    [[() => 1], 'Cannot canonicalize the value at "/0": a function is not JSON'],
    [{ n: Number.NaN }, 'Cannot canonicalize the value at "/n": NaN is not a JSON number'],
    [
      { messages: [{ content: 'a\ud800' }] },
      'Cannot canonicalize the value at "/messages/0/content": a lone surrogate is not valid Unicode',
    ],
  ])('say what is wrong and where: case %#', (value, message) => {
    expect(() => canonicalize(value)).toThrow(message);
  });

  it('stay short when names are long', () => {
    const value = { ['n'.repeat(10_000)]: { ['m'.repeat(10_000)]: [1n] } };
    expectThrown(() => keyOf(value), TypeError, {
      code: 'SAMEKEY_NOT_JSON',
      path: `/${'n'.repeat(10_000)}/${'m'.repeat(10_000)}/0`,
      message: /^.{1,300}$/,
    });
  });
});
