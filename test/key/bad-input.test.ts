import { describe, expect, it, vi } from 'vitest';
import * as samekey from '../../src/index.js';
import { expectError, expectThrown, thrownBy } from '../errors/thrown.js';

const {
  canonicalBytes,
  canonicalize,
  createSha256,
  customId,
  defineIdentity,
  explain,
  explainDifference,
  keyOf,
  NAMESPACE_DNS,
  parseKey,
  scoped,
  sha1,
  sha256,
  sha256Hex,
  useEngine,
  uuidv5,
} = samekey;

/** Values that a caller may pass by mistake in place of text or bytes. */
const NO_CONTENT: [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a number', 7],
  ['a BigInt', 7n],
  ['a boolean', true],
  ['a symbol', Symbol('s')],
  ['a function', () => 'a'],
  ['an array of bytes', [97]],
  ['an object', { a: 1 }],
  ['boxed text', Object('a')],
  ['a Date', new Date(0)],
  ['a Blob', new Blob(['a'])],
  ['a Promise', Promise.resolve('a')],
  ['an object without a prototype', Object.create(null)],
  ['an object whose constructor is data', { constructor: { name: 'a\nb' } }],
  ['an object whose constructor is odd data', { constructor: { name: [Symbol('s')] } }],
  ['an object whose constructor is null', { constructor: null }],
];

describe('content', () => {
  it.each(NO_CONTENT)('that is no content is refused by every function: %s', (_, bad) => {
    const content = bad as string;
    for (const act of [
      () => sha256(content),
      () => sha1(content),
      () => sha256Hex(content),
      () => scoped('s', content),
      () => uuidv5(NAMESPACE_DNS, content),
      () => createSha256().update(content),
      () => sha256Hex('a', { secret: content }),
      () => keyOf('a', { secret: content }),
    ]) {
      expectThrown(act, TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
  });

  it('that was transferred to another thread is rejected, not treated as empty', () => {
    const buffer = new ArrayBuffer(8);
    const views = [new Uint8Array(buffer), new DataView(buffer)];
    structuredClone(buffer, { transfer: [buffer] });
    for (const gone of [buffer, ...views]) {
      expectThrown(() => sha256Hex(gone), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
  });
});

describe('a namespace', () => {
  it.each([
    [''],
    ['dns'],
    ['6ba7b810-9dad-11d1-80b4-00c04fd430c'],
    ['6ba7b810-9dad-11d1-80b4-00c04fd430c88'],
    ['6ba7b8109dad11d180b400c04fd430c8'],
    ['{6ba7b810-9dad-11d1-80b4-00c04fd430c8}'],
    ['urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['6ba7b810-9dad-11d1-80b4-00c04fd430cg'],
    [' 6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['6ba7b810-9dad-11d1-80b4-00c04fd430c8\n'],
    ['6ba7b810_9dad_11d1_80b4_00c04fd430c8'],
    ['x'.repeat(100_000)],
    ['line\nbreak'],
  ])('that is no UUID is a SyntaxError: %j', (namespace) => {
    const refused = { code: 'SAMEKEY_BAD_UUID', message: /^.{1,200}$/ } as const;
    expectThrown(() => uuidv5(namespace, 'a'), SyntaxError, refused);
    // And again: a namespace that was refused is not remembered.
    expectThrown(() => uuidv5(namespace, 'a'), SyntaxError, refused);
    expect(uuidv5(NAMESPACE_DNS, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  it.each(NO_CONTENT)('that is no text is a TypeError: %s', (_, namespace) => {
    expectThrown(() => uuidv5(namespace as never, 'a'), TypeError, { code: 'SAMEKEY_BAD_UUID' });
  });

  it('that is missing is refused also in the first call of all', async () => {
    vi.resetModules();
    const fresh = (await import('../../src/index.js')) as typeof samekey;
    expectThrown(() => fresh.uuidv5(undefined as never, 'a'), TypeError, {
      code: 'SAMEKEY_BAD_UUID',
    });
  });
});

describe('options', () => {
  const NO_OPTIONS: [string, unknown][] = [
    ['null', null],
    ['a number, as map passes it', 0],
    ['text', 'anthropic'],
    ['an array', ['a']],
    ['a function', () => ({})],
    ['a member that there is not', { maxdepth: 5 }],
    ['a member that is not text', { maxDepth: '5' }],
  ];
  it.each(NO_OPTIONS)('are refused where they are no options: %s', (_, bad) => {
    const options = bad as never;
    for (const act of [
      () => keyOf({}, options),
      () => customId({}, options),
      () => explain({}, options),
      () => explainDifference({}, {}, options),
      () => defineIdentity(options),
      () => sha256Hex('a', options),
      () => scoped('s', 'a', options),
      () => canonicalize({}, options),
      () => canonicalBytes({}, options),
    ]) {
      expectThrown(act, TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
  });

  it('of defineIdentity are needed', () => {
    expectThrown(() => defineIdentity(undefined as never), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
    });
  });
});

describe('useEngine', () => {
  it.each([['gpu'], [''], ['WASM'], ['wasm\n'], ['__proto__']])('refuses the name %j', (name) => {
    expectThrown(() => useEngine(name as never), RangeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
  });

  it.each(NO_CONTENT)('rejects an invalid name: %s', (_, name) => {
    const before = samekey.activeEngine();
    expectThrown(() => useEngine(name as never), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    expect(samekey.activeEngine()).toEqual(before);
  });
});

describe('every error', () => {
  it('is of a built-in class, with a code, one line long, and never a stack of ours', () => {
    const acts: (() => unknown)[] = [
      () => sha256Hex(undefined as never),
      () => keyOf({ 'a\nb': 1n }),
      () => keyOf({ a: new (class Odd {})(), b: Symbol('x\ny') }),
      () => parseKey('ik_\n'),
      () => scoped('a\n\0', 'x'),
      () => uuidv5('a\nb', 'x'),
      () => defineIdentity({ exclude: ['$.\n'] }),
      () => defineIdentity({ 'a\nb': 1 } as never),
      () => useEngine('a\nb' as never),
    ];
    for (const act of acts) {
      const error = thrownBy(act) as samekey.SamekeyError;
      expect(['TypeError', 'RangeError', 'SyntaxError']).toContain(error.constructor.name);
      expectError(error, error.constructor as never, { code: error.code });
      expect(error.code).toMatch(/^SAMEKEY_[A-Z_]+$/);
      expect(error.message.length).toBeLessThan(300);
    }
  });
});
