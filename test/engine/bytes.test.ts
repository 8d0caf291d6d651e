import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createSha256,
  NAMESPACE_URL,
  scoped,
  sha1,
  sha256,
  sha256Hex,
  uuidv5,
} from '../../src/index.js';
import { expectThrown } from '../errors/thrown.js';
import { randomBytes } from '../runtime/random.js';
import { hexOf } from '../vectors/vectors.js';
import { ENGINES, onEach } from './engines.js';

const CHUNK = 0x10000;
const bytes = randomBytes(1, 2 * CHUNK + 1000);

const hash = (algorithm: string, content: Uint8Array) =>
  createHash(algorithm).update(content).digest('hex');

/** RFC 9562 §5.5, on `node:crypto`. */
function uuidOf(namespace: string, content: Uint8Array): string {
  const digest = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(content)
    .digest();
  digest[6] = ((digest[6] as number) & 15) | 0x50;
  digest[8] = ((digest[8] as number) & 63) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return [0, 8, 12, 16, 20].map((at, i, all) => hex.slice(at, all[i + 1] ?? 32)).join('-');
}

/** Compares every function that digests bytes with `node:crypto`. */
function check(content: Uint8Array): void {
  const expected = hash('sha256', content);
  const what = `${content.length} bytes at ${content.byteOffset}`;
  expect(hexOf(sha256(content)), what).toBe(expected);
  expect(sha256Hex(content), what).toBe(`ik_${expected}`);
  expect(hexOf(createSha256().update(content).digest()), what).toBe(expected);
  expect(hexOf(sha1(content)), what).toBe(hash('sha1', content));
  expect(uuidv5(NAMESPACE_URL, content), what).toBe(uuidOf(NAMESPACE_URL, content));
}

onEach(ENGINES, () => {
  it('digests every length from 0 to 320', () => {
    for (let length = 0; length <= 320; length++) check(bytes.subarray(0, length));
  });

  it('digests every length around every block boundary up to 64 KiB and 1', () => {
    for (let block = 64; block <= CHUNK; block += 64) {
      for (const length of [block - 1, block, block + 1]) {
        const content = bytes.subarray(0, length);
        const key = sha256Hex(content);
        if (key !== `ik_${hash('sha256', content)}`) expect.unreachable(`${length} bytes`);
      }
    }
  });

  it('digests lengths around the chunks in which engines take long content', () => {
    for (const border of [0x4000, 0x8000, CHUNK, 2 * CHUNK]) {
      // SHA-1 of a UUID begins sixteen bytes earlier, with the namespace.
      for (const around of [-72, -64, -16, -9, -8, -1, 0, 1, 8, 9, 48, 55, 56, 63, 64, 65]) {
        check(bytes.subarray(0, border + around));
      }
    }
  });

  it('digests views that begin at any offset, and only what they show', () => {
    for (let offset = 1; offset <= 15; offset++) {
      for (const length of [0, 1, 31, 55, 56, 63, 64, 65, 119, 1000, CHUNK - 1, CHUNK + 1]) {
        check(new Uint8Array(bytes.buffer, offset, length));
        check(bytes.subarray(offset).subarray(0, length));
      }
    }
  });

  describe('takes bytes in any wrapping:', () => {
    const { buffer } = bytes;
    const shared = new Uint8Array(new SharedArrayBuffer(4096));
    shared.set(bytes.subarray(0, 4096));
    const wrappings: [string, ArrayBuffer | ArrayBufferView, Uint8Array][] = [
      ['an ArrayBuffer', buffer, bytes],
      ['an empty ArrayBuffer', new ArrayBuffer(0), new Uint8Array(0)],
      ['a DataView', new DataView(buffer, 3, 1001), bytes.subarray(3, 1004)],
      ['a Float64Array', new Float64Array(buffer, 8, 125), bytes.subarray(8, 1008)],
      ['an Int16Array', new Int16Array(buffer, 2, 50), bytes.subarray(2, 102)],
      ['a BigUint64Array', new BigUint64Array(buffer, 16, 9), bytes.subarray(16, 88)],
      ['a Uint8ClampedArray', new Uint8ClampedArray(buffer, 5, 70), bytes.subarray(5, 75)],
      ['a Buffer from the pool', Buffer.from('pooled content'), Buffer.from('pooled content')],
      ['a view on shared memory', shared, bytes.subarray(0, 4096)],
      ['a short view on shared memory', shared.subarray(7, 40), bytes.subarray(7, 40)],
    ];
    it.each(wrappings)('%s', (_, content, expected) => {
      const digest = hash('sha256', expected);
      expect(sha256Hex(content)).toBe(`ik_${digest}`);
      expect(hexOf(sha256(content))).toBe(digest);
      expect(hexOf(createSha256().update(content).digest())).toBe(digest);
      expect(hexOf(sha1(content))).toBe(hash('sha1', expected));
      expect(uuidv5(NAMESPACE_URL, content)).toBe(uuidOf(NAMESPACE_URL, expected));
      expect(scoped('s', content)).toBe(
        `ik_${hash('sha256', Buffer.concat([Buffer.from('s\0'), expected]))}`,
      );
    });
  });

  it('refuses an array of bytes and shared memory without a view', () => {
    for (const content of [[1, 2, 3], new SharedArrayBuffer(8)]) {
      expectThrown(() => sha256Hex(content as never), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
  });

  it('gives arrays of their own, which later calls leave alone', () => {
    const first = sha256('a');
    const second = sha1('a');
    const state = createSha256().update('a').digest();
    const copies = [first.slice(), second.slice(), state.slice()];
    sha256(bytes);
    sha1(bytes);
    createSha256().update(bytes).digest();
    expect([first, second, state]).toEqual(copies);
    for (const each of [first, second, state]) {
      expect(Object.getPrototypeOf(each)).toBe(Uint8Array.prototype);
    }
  });

  it('leaves the content as it was', () => {
    const before = bytes.slice();
    check(bytes);
    expect(Buffer.compare(bytes, before)).toBe(0);
  });
});
