import { describe, expect, it, vi } from 'vitest';
import {
  customId,
  isKey,
  keyOf,
  parseKey,
  randomKey,
  scoped,
  sha256Hex,
  uuidv5,
} from '../../src/index.js';
import { expectThrown } from '../errors/thrown.js';

const HEX64 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const HEX32 = HEX64.slice(0, 32);

describe('a key', () => {
  it.each([
    [`ik_${HEX64}`, 256],
    [`ik_${HEX32}`, 128],
    [`ik_${'0'.repeat(64)}`, 256],
    [`ik_${'f'.repeat(32)}`, 128],
  ])('is taken apart: %s', (key, bits) => {
    expect(isKey(key)).toBe(true);
    expect(parseKey(key)).toEqual({ key, bits, hex: key.slice(3) });
  });

  it('is what every function makes', () => {
    for (const bits of [256, 128] as const) {
      for (const secret of [{}, { secret: 'k' }]) {
        const options = { bits, ...secret };
        for (const key of [
          sha256Hex('a', options),
          scoped('s', 'a', options),
          keyOf('a', options),
          keyOf('a', { ...options, exclude: ['x'] }),
        ]) {
          expect(parseKey(key)).toEqual({ key, bits, hex: key.slice(3) });
        }
        expect(parseKey(customId('a', options)).bits).toBe(128);
      }
    }
  });

  it('of 128 bits fits the custom_id of batch APIs', () => {
    for (const value of [null, '', 'a'.repeat(1000), { a: 1 }, [1, 2]]) {
      expect(customId(value)).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
      expect(customId(value)).toBe(keyOf(value).slice(0, 35));
    }
    expect(keyOf(1)).not.toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  });

  it.each<[string, number, string]>([
    ['', 0, 'it is empty'],
    ['ik_', 3, 'this one has 0'],
    ['ik', 0, 'a key begins with "ik_"'],
    [`IK_${HEX64}`, 0, 'a key begins with "ik_"'],
    [`idem_${HEX64}`, 0, 'a key begins with "ik_"'],
    [HEX64, 0, 'this is a bare digest'],
    [HEX64.toUpperCase(), 0, 'this is a bare digest'],
    [` ik_${HEX64}`, 0, 'white space stands around this one'],
    ['order-1\n', 0, 'white space stands around this one'],
    [`"ik_${HEX64}"`, 0, 'this one stands in quotes'],
    ['0190a0b2-5f1e-4c6e-9a9e-2f3d4c5b6a79', 0, 'this is a version 4 UUID'],
    [uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'a'), 0, 'this is a version 5 UUID'],
    [`ik_${HEX64} `, 67, '" " is not a hexadecimal digit'],
    [`ik_${HEX64}\n`, 67, '"\\n" is not a hexadecimal digit'],
    [`ik_${HEX32}\0`, 35, '"\\u0000" is not a hexadecimal digit'],
    [`ik_g${HEX64.slice(1)}`, 3, '"g" is not a hexadecimal digit'],
    [`ik_ab🧳${HEX64}`, 5, '"🧳" is not a hexadecimal digit'],
    [`ik_${HEX64.toUpperCase()}`, 3, '"B" is an upper-case digit, keys are lower-case'],
    [`ik_${HEX32.replace('f', 'F')}`, 10, '"F" is an upper-case digit, keys are lower-case'],
    [`ik_-${HEX64.slice(1)}`, 3, '"-" is not a hexadecimal digit'],
    [`ik_${HEX32.slice(1)}`, 34, 'a key has 64 or 32 digits after "ik_", this one has 31'],
    [`ik_${HEX32}0`, 36, 'this one has 33'],
    [`ik_${HEX64.slice(1)}`, 66, 'this one has 63'],
    [`ik_${HEX64}0`, 67, 'this one has 65'],
    [`ik_${'0'.repeat(5000)}`, 67, 'this one has 5000'],
  ])('is not %j', (text, position, what) => {
    expect(isKey(text)).toBe(false);
    expectThrown(() => parseKey(text), SyntaxError, {
      code: 'SAMEKEY_BAD_KEY',
      position,
      message: new RegExp(`^Cannot parse the key .{0,120} at position ${position}: `),
    });
    expect(() => parseKey(text)).toThrow(what);
  });

  it.each([[undefined], [null], [7], [7n], [{}], [[`ik_${HEX64}`]], [Object(`ik_${HEX64}`)]])(
    'is text, not %s',
    (value) => {
      expect(isKey(value)).toBe(false);
      expectThrown(() => parseKey(value as never), TypeError, { code: 'SAMEKEY_BAD_KEY' });
    },
  );
});

describe('options of sha256Hex and scoped', () => {
  it.each<[unknown, ErrorConstructor]>([
    [{ bits: 0 }, RangeError],
    [{ bits: 64 }, RangeError],
    [{ bits: 512 }, RangeError],
    [{ bits: Number.NaN }, RangeError],
    [{ bits: '128' }, TypeError],
    [{ bits: null }, TypeError],
    [{ bits: 128n }, TypeError],
    [{ secret: '' }, RangeError],
    [{ secret: new Uint8Array(0) }, RangeError],
    [{ secret: undefined }, TypeError],
    [{ secret: null }, TypeError],
    [{ secret: 7 }, TypeError],
    [{ secret: ['k'] }, TypeError],
    [{ bit: 128 }, TypeError],
    [{ scope: 's' }, TypeError],
    [null, TypeError],
    [128, TypeError],
    ['128', TypeError],
    [[128], TypeError],
  ])('refuse %o', (options, Class) => {
    for (const act of [
      () => sha256Hex('a', options as never),
      () => scoped('s', 'a', options as never),
    ]) {
      expectThrown(act, Class, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
  });

  it('may be empty', () => {
    expect(sha256Hex('a', {})).toBe(sha256Hex('a'));
    expect(sha256Hex('a', undefined)).toBe(sha256Hex('a'));
    expect(scoped('s', 'a', {})).toBe(scoped('s', 'a'));
  });

  it('take a secret as text or bytes, of any length', () => {
    for (const length of [1, 63, 64, 65, 1000]) {
      const secret = 'é'.repeat(length);
      expect(sha256Hex('a', { secret })).toBe(sha256Hex('a', { secret: Buffer.from(secret) }));
    }
    // RFC 2104 §2: a secret longer than a block is hashed, a shorter one is filled up with zeros.
    const padded = Buffer.concat([Buffer.from('k'), Buffer.alloc(63)]);
    expect(sha256Hex('a', { secret: padded })).toBe(sha256Hex('a', { secret: 'k' }));
    expect(sha256Hex('a', { secret: `${padded}\0` })).not.toBe(sha256Hex('a', { secret: 'k' }));
  });
});

describe('randomKey', () => {
  const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  it('gives version 4 UUIDs, never the same', () => {
    const keys = Array.from({ length: 2000 }, () => randomKey());
    for (const key of keys) expect(key).toMatch(UUID_V4);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('does without crypto.randomUUID, as on pages that came over HTTP', () => {
    const { crypto } = globalThis;
    const getRandomValues = crypto.getRandomValues.bind(crypto);
    vi.stubGlobal('crypto', { getRandomValues });
    try {
      const keys = Array.from({ length: 2000 }, () => randomKey());
      for (const key of keys) expect(key).toMatch(UUID_V4);
      expect(new Set(keys).size).toBe(keys.length);
      // Every digit that is free to vary does.
      for (let i = 0; i < 36; i++) {
        if (![8, 13, 14, 18, 23].includes(i)) {
          expect(new Set(keys.map((key) => key[i])).size).toBeGreaterThan(3);
        }
      }
    } finally {
      vi.unstubAllGlobals();
    }
  });

  const stub = { randomUUID: () => 'stub' };
  it.each([
    [undefined, 'undefined'],
    [{}, 'undefined'],
    [stub, 'stub'],
  ])('says so where there is no randomness: crypto is %s', (crypto, given) => {
    vi.stubGlobal('crypto', crypto);
    try {
      expectThrown(randomKey, Error, {
        code: 'SAMEKEY_NO_RANDOM',
        message: new RegExp(`gives "${given}", wanted a random UUID`),
      });
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
