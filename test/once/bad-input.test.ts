import { describe, expect, it } from 'vitest';
import { keyOf, NAMESPACE_DNS, randomKey, scoped, sha256Hex, uuidv5 } from '../../src/index.js';
import { createOnce, type OnceOptions } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { expectThrown } from '../errors/thrown.js';
import { NATURAL_KEYS } from '../key/natural-keys.js';

const store = memoryStore();

describe('keys', () => {
  const once = createOnce({ store });

  it.each([
    ['an object in a text', '[object Object]'],
    ['undefined in a text', 'undefined'],
    ['nothing', ''],
    ['upper case', keyOf(1).toUpperCase()],
    ['white space', `${keyOf(1)}\n`],
    ['a bare digest', 'a'.repeat(64)],
    ['10 KB', 'x'.repeat(10_000)],
    ['null in a text', 'null'],
    ['a space', 'order 7'],
    ['256 characters', 'x'.repeat(256)],
    ['text that is not ASCII', 'größe'],
    ['a key with a mistake', keyOf(1).slice(0, -1)],
    ['a record of samekey/batch', `batch:${keyOf(1)}`],
    ['undefined', undefined],
    ['a number', 7],
    ['a promise', Promise.resolve(keyOf(1))],
    ['an object', { key: keyOf(1) }],
  ])('are none: %s', async (_, key) => {
    await expect(once(key as string, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_KEY' });
    await expect(once.evict(key as string)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_KEY' });
    await expect(once.inspect(key as string)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_KEY' });
  });

  it.each([
    keyOf(2),
    sha256Hex('a', { bits: 128 }),
    scoped('s', 'a'),
    uuidv5(NAMESPACE_DNS, 'a'),
    randomKey(),
  ])('are all that samekey makes: %s', async (key) => {
    expect(await once(key, () => 1)).toBe(1);
  });
});

describe('keys that a caller chooses', () => {
  it.each(NATURAL_KEYS)('are accepted: %s', async (key) => {
    const once = createOnce({ store: memoryStore() });
    let runs = 0;
    const run = () => ++runs;
    expect(await once(key, run)).toBe(1);
    expect(await once(key, run)).toBe(1);
    expect(await once.inspect(key)).toMatchObject({ state: 'done' });
    expect(await once.evict(key)).toBe(true);
    expect(await once(key, run)).toBe(2);
  });

  it('are refused with a message that says what would be right', async () => {
    const once = createOnce({ store: memoryStore() });
    await expect(once('order 7', () => 1)).rejects.toThrow(
      'Cannot use the key "order 7": it has characters other than visible ASCII, wanted 1 to 255 visible ASCII characters, or keyOf("order 7")',
    );
    await expect(once('a'.repeat(64), () => 1)).rejects.toThrow(/it is a digest without "ik_"/);
  });
});

describe('calls', () => {
  const once = createOnce({ store });
  it.each([
    [undefined, {}, /second argument is undefined, wanted a function/],
    [Promise.resolve(1), {}, /second argument is a Promise/],
    [() => 1, { fingerprint: 1 }, /fingerprint is a number/],
    [() => 1, { ttlMs: 0 }, /ttlMs is 0, wanted a whole number from 1 to/],
    [() => 1, { ttlMs: '1h' }, /ttlMs is "1h", wanted a whole number/],
    [() => 1, { fingerPrint: 'a' }, /no member "fingerPrint", only signal/],
  ])('are refused: %o %o', async (fn, options, message) => {
    await expect(once(keyOf(3), fn as never, options as never)).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});

describe('options', () => {
  it.each<[object, new () => Error, RegExp]>([
    [{}, TypeError, /store has no claim\(\), wanted a store such as memoryStore\(\)/],
    [{ store: {} }, TypeError, /store has no claim/],
    [{ store, ttl: 1 }, TypeError, /no member "ttl" \(did you mean "ttlMs"\?\), only store, ttlMs/],
    [{ store, ttlMs: 0 }, RangeError, /ttlMs is 0, wanted a whole number from 1/],
    [{ store, ttlMs: '1h' }, TypeError, /ttlMs is text/],
    [{ store, leaseMs: 1 }, RangeError, /leaseMs is 1, wanted a whole number from 10/],
    [{ store, leaseMs: Number.POSITIVE_INFINITY }, RangeError, /leaseMs is Infinity/],
    [{ store, waitMs: -1 }, RangeError, /waitMs is -1/],
    [
      { store, onDuplicate: 'wait' },
      RangeError,
      /onDuplicate is "wait", wanted "join" or "reject"/,
    ],
    [{ store, onUnknown: 'ask' }, RangeError, /onUnknown is "ask", wanted .* or a function/],
    [{ store, onStoreError: true }, TypeError, /onStoreError is a boolean/],
    [{ store, onAbandoned: 'kill' }, RangeError, /onAbandoned is "kill"/],
    [{ store, storeErrors: true }, TypeError, /storeErrors is a boolean, wanted a function/],
    [
      { store, cache: { max: 1 } },
      TypeError,
      /no member "max" \(did you mean "maxEntries"\?\), only maxEntries/,
    ],
    [{ store, cache: { maxEntries: 0 } }, RangeError, /cache.maxEntries is 0/],
    [{ store, codec: 'json' }, TypeError, /codec is no codec, wanted \{ name, encode, decode \}/],
    [{ store, clock: 5 }, TypeError, /clock is a number/],
  ])('are refused: %o', (options, Class, message) => {
    expectThrown(() => createOnce(options as OnceOptions), Class, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message,
    });
  });

  it.each<[object, new () => Error, RegExp]>([
    [{ maxEntries: 0 }, RangeError, /maxEntries is 0, wanted a whole number from 1/],
    [{ maxBytes: 'x' }, TypeError, /maxBytes is text/],
    [{ max: 1 }, TypeError, /no member "max"/],
    [{ clock: 1 }, TypeError, /clock is a number/],
  ])('of the memory store are refused: %o', (options, Class, message) => {
    expectThrown(() => memoryStore(options), Class, { code: 'SAMEKEY_BAD_ARGUMENT', message });
  });
});
