import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AesGcm, nativeAesGcm, webAesGcm } from '../../src/once/aes-gcm.js';

type Vector = readonly [
  id: number,
  key: string,
  nonce: string,
  associated: string,
  plaintext: string,
  sealed: string,
  isValid: boolean,
];

const { tests } = JSON.parse(
  readFileSync(new URL('aes-gcm-vectors.json', import.meta.url), 'utf8'),
) as { readonly tests: readonly Vector[] };

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (found: Uint8Array) => Buffer.from(found).toString('hex');

const MAKERS = { 'node:crypto': nativeAesGcm, 'Web Crypto': webAesGcm };

/** Both ways to an error: thrown at once, or by a promise. */
async function isRefused(act: () => Uint8Array | Promise<Uint8Array>): Promise<boolean> {
  try {
    await act();
    return false;
  } catch {
    return true;
  }
}

describe.each(Object.entries(MAKERS))('AES-256-GCM by %s', (_, make) => {
  it('agrees with each test vector of Project Wycheproof', async () => {
    expect(tests.map(([, , , , , , isValid]) => isValid).filter(Boolean)).toHaveLength(39);
    expect(tests).toHaveLength(66);
    for (const [id, key, nonce, associated, plaintext, sealed, isValid] of tests) {
      const aes = make(bytes(key)) as AesGcm;
      const opened = () => aes.decrypt(bytes(nonce), bytes(associated), bytes(sealed), 0);
      if (isValid) {
        const found = await aes.encrypt(bytes(nonce), bytes(associated), bytes(plaintext), 0);
        expect([id, hexOf(found)]).toEqual([id, sealed]);
        expect([id, hexOf(await opened())]).toEqual([id, plaintext]);
      } else {
        expect([id, await isRefused(opened)]).toEqual([id, true]);
      }
    }
  });

  it('refuses a ciphertext that is cut anywhere', async () => {
    const aes = make(new Uint8Array(32).fill(7)) as AesGcm;
    const [nonce, associated] = [new Uint8Array(12).fill(1), bytes('00ff')];
    const sealed = await aes.encrypt(nonce, associated, new Uint8Array(20).fill(9), 3);
    expect([...sealed.subarray(0, 3)]).toEqual([0, 0, 0]);
    expect(sealed).toHaveLength(3 + 20 + 16);
    const whole = sealed.subarray(3);
    for (const [all, offset] of [
      [whole, 0],
      [sealed, 3],
    ] as const) {
      expect(hexOf(await aes.decrypt(nonce, associated, all, offset))).toBe('09'.repeat(20));
      for (let length = 0; length < all.length; length++) {
        const cut = () => aes.decrypt(nonce, associated, all.subarray(0, length), offset);
        expect([offset, length, await isRefused(cut)]).toEqual([offset, length, true]);
      }
    }
  });
});

it('a node:crypto without ciphers, or with wrong ones, is not used', () => {
  const { getBuiltinModule } = process;
  const real = getBuiltinModule('node:crypto');
  const wrongOnes: Record<string, unknown> = {
    'no ciphers': { createHash: real.createHash },
    'a stub that throws': {
      createCipheriv() {
        throw new Error('not implemented');
      },
    },
    'another mode': {
      createCipheriv: (_: string, key: Uint8Array, nonce: Uint8Array) =>
        real.createCipheriv('aes-256-ocb', key, nonce, { authTagLength: 16 }),
      createDecipheriv: real.createDecipheriv,
    },
    'a reader that ignores the tag': {
      createCipheriv: real.createCipheriv,
      createDecipheriv(algorithm: 'aes-256-gcm', key: Uint8Array, nonce: Uint8Array) {
        const decipher = real.createDecipheriv(algorithm, key, nonce);
        return Object.assign(decipher, { final: () => new Uint8Array() });
      },
    },
  };
  try {
    for (const [name, crypto] of Object.entries(wrongOnes)) {
      process.getBuiltinModule = (() => crypto) as never;
      expect([name, nativeAesGcm(new Uint8Array(32))]).toEqual([name, undefined]);
    }
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
  expect(nativeAesGcm(new Uint8Array(32))).toBeDefined();
});
