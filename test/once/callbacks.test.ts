import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import {
  type Codec,
  createOnce,
  jsonCodec,
  type OnceOptions,
  type UnknownDecision,
} from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { crash } from './scene.js';

/** An unhandled rejection fails the run of the tests. */
const rejecting = (async () => {
  throw new Error('the database is down');
}) as never;

const counting = () => {
  let count = 0;
  return () => ++count;
};

describe('a listener that is an async function and rejects', () => {
  it('changes nothing: onEvent', async () => {
    const once = createOnce({ store: memoryStore(), onEvent: rejecting });
    const run = counting();
    expect([await once('k', run), await once('k', run)]).toEqual([1, 1]);
  });

  it('changes nothing: savingOf', async () => {
    const saved: unknown[] = [];
    const once = createOnce({
      store: memoryStore(),
      savingOf: rejecting,
      onEvent: (event) => saved.push('saved' in event),
    } as OnceOptions);
    await once('k', () => 1);
    expect(await once('k', () => 2)).toBe(1);
    expect(saved).toEqual([false, false]);
  });
});

describe('a predicate that is an async function', () => {
  const failing = () => {
    throw Object.assign(new Error('503'), { status: 503 });
  };

  it.each([
    ['resolves to true', async () => true],
    ['rejects', rejecting],
  ])('selects no error to store: storeErrors that %s', async (_, storeErrors) => {
    const once = createOnce({ store: memoryStore(), storeErrors: storeErrors as never });
    await expect(once('k', failing)).rejects.toThrow('503');
    expect(await once('k', () => 'again')).toBe('again');
  });

  it('counts as one that throws: unknownErrors', async () => {
    const store = memoryStore();
    const once = createOnce({ store, unknownErrors: rejecting, onUnknown: 'hold' });
    await expect(once('k', failing)).rejects.toThrow('503');
    await expect(once('k', () => 'again')).rejects.toMatchObject({
      code: 'SAMEKEY_UNKNOWN_OUTCOME',
    });
  });
});

describe('a codec that does not work', () => {
  const text = (value: unknown) => new TextEncoder().encode(String(value));
  const CODECS: Record<string, [codec: Partial<Codec>, message: RegExp]> = {
    'writes text': [{ encode: ((value: unknown) => String(value)) as never }, /it gave text/],
    'writes later': [{ encode: (async () => text(1)) as never }, /it gave a Promise/],
    'writes nothing': [{ encode: (() => {}) as never }, /it gave undefined/],
    'rejects later': [{ encode: rejecting }, /it gave a Promise/],
    'cannot read': [{ decode: throwing }, /cannot read what it wrote: no/],
  };
  function throwing(): never {
    throw new Error('no');
  }

  it.each(Object.entries(CODECS))('stores nothing: it %s', async (_, [parts, message]) => {
    const store = memoryStore();
    const codec: Codec = { name: 'c', encode: text, decode: (bytes) => bytes.length, ...parts };
    const once = createOnce({ store, codec });
    const run = counting();
    for (const value of [1, 2]) {
      await expect(once('k', run)).rejects.toMatchObject({
        code: 'SAMEKEY_UNSTORABLE',
        message: expect.stringMatching(message),
        value,
      });
      expect((await store.read('k')).record).toBeUndefined();
    }
  });

  it('refuses a value of onUnknown that it could not read', async () => {
    const store = memoryStore();
    await crash(store, 'k', 1);
    const codec: Codec = { name: 'c', encode: text, decode: throwing };
    const once = createOnce({ store, codec, onUnknown: () => ({ value: 7 }) });
    await expect(once('k', () => 8)).rejects.toMatchObject({ code: 'SAMEKEY_UNSTORABLE' });
    expect((await store.read('k')).record?.state).toBe('running');
  });
});

describe('a decision of onUnknown that is none', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  it.each([
    ['a BigInt', 1n, 'a BigInt'],
    ['an object with a cycle', cyclic, 'an object'],
    ['a misspelled word', 'holds', '"holds"'],
    ['an object that inherits a value', Object.create({ value: 1 }), 'an object'],
  ])('is refused: %s', async (_, decision, shown) => {
    const store = memoryStore();
    const key = randomKey();
    await crash(store, key, 1);
    const once = createOnce({ store, onUnknown: () => decision as UnknownDecision });
    await expect(once(key, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: `Cannot run ${key}: onUnknown gave ${shown}, wanted "retry", "hold" or { value }`,
    });
  });
});

describe('the options of a call', () => {
  it.each([
    [{ fresh: 'false' }, 'fresh is "false", wanted true or false'],
    [{ signal: new AbortController() }, 'signal is an AbortController, wanted an AbortSignal'],
    [{ traceparent: 1 }, 'traceparent is 1, wanted text'],
    [{ ttlMs: 0 }, /ttlMs is 0, wanted a whole number from 1/],
  ])('are refused: %o', async (options, message) => {
    const once = createOnce({ store: memoryStore() });
    const text = typeof message === 'string' ? `Cannot run k: ${message}` : message;
    await expect(once('k', () => 1, options as never)).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: typeof text === 'string' ? text : expect.stringMatching(text),
    });
    expect(await once('k', () => 2, { signal: undefined, fresh: undefined } as never)).toBe(2);
  });
});

it('an error that is longer than maxResultBytes is not stored', async () => {
  const store = memoryStore();
  const once = createOnce({ store, storeErrors: () => true, maxResultBytes: 1000 });
  const long = new Error('x'.repeat(1000));
  const failing = () => {
    throw long;
  };
  await expect(once('k', failing)).rejects.toBe(long);
  expect((await store.read('k')).record).toBeUndefined();
  expect(await once('k', () => 'again')).toBe('again');
  expect(jsonCodec.decode((await store.read('k')).record?.payload as Uint8Array)).toBe('again');
});
