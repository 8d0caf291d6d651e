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
        expect(() => act({ a: 'x'.repeat(70_000), b: [value] })).toThrow();
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
