import { expect, it } from 'vitest';
import { createSha256 } from '../../src/index.js';
import { onEach, WITH_MIDSTATES } from '../engine/engines.js';
import { randomBytes } from '../runtime/random.js';
import { hexOf } from '../vectors/vectors.js';

/**
 * SHA-256 as printed in FIPS 180-4, in BigInt and without regard to speed. Its length counter
 * cannot overflow, and it shares no line and no constant with the engines.
 */
const MASK = 2n ** 32n - 1n;

function root(degree: bigint, value: bigint): bigint {
  let low = 0n;
  let high = value;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** degree <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** §4.2.2: the first 32 bits of the fractional parts of cube roots of the first 64 primes. */
const K = Array.from({ length: 312 }, (_, n) => BigInt(n))
  .filter((n) => n > 1n && ![2n, 3n, 5n, 7n, 11n, 13n, 17n].some((d) => d < n && n % d === 0n))
  .slice(0, 64)
  .map((prime) => root(3n, prime << 96n) & MASK);

const rotr = (x: bigint, n: bigint) => ((x >> n) | (x << (32n - n))) & MASK;

/** §6.2.2, on one block. */
function compress(state: readonly bigint[], block: Uint8Array): bigint[] {
  const view = new DataView(block.buffer, block.byteOffset);
  const w = Array.from({ length: 16 }, (_, t) => BigInt(view.getUint32(4 * t)));
  for (let t = 16; t < 64; t++) {
    const [x, y] = [w[t - 15] as bigint, w[t - 2] as bigint];
    const small0 = rotr(x, 7n) ^ rotr(x, 18n) ^ (x >> 3n);
    const small1 = rotr(y, 17n) ^ rotr(y, 19n) ^ (y >> 10n);
    w.push((small1 + (w[t - 7] as bigint) + small0 + (w[t - 16] as bigint)) & MASK);
  }
  let [a, b, c, d, e, f, g, h] = state as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  for (let t = 0; t < 64; t++) {
    const large1 = rotr(e, 6n) ^ rotr(e, 11n) ^ rotr(e, 25n);
    const large0 = rotr(a, 2n) ^ rotr(a, 13n) ^ rotr(a, 22n);
    const choice = (e & f) ^ (~e & MASK & g);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const t1 = h + large1 + choice + (K[t] as bigint) + (w[t] as bigint);
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & MASK, c, b, a, (t1 + large0 + majority) & MASK];
  }
  return [a, b, c, d, e, f, g, h].map((x, i) => (x + (state[i] as bigint)) & MASK);
}

/** The digest of a hasher restored from `saved` and fed with `appended`. */
function finish(saved: Uint8Array, appended: Uint8Array): string {
  const view = new DataView(saved.buffer);
  let state = Array.from({ length: 8 }, (_, i) => BigInt(view.getUint32(4 * i)));
  const length = view.getBigUint64(32) + BigInt(appended.length);
  const rest = [...saved.subarray(40), ...appended, 0x80];
  while (rest.length % 64 !== 56) rest.push(0);
  const end = new DataView(new ArrayBuffer(8));
  end.setBigUint64(0, (length * 8n) & (2n ** 64n - 1n));
  rest.push(...new Uint8Array(end.buffer));
  const bytes = Uint8Array.from(rest);
  for (let at = 0; at < bytes.length; at += 64)
    state = compress(state, bytes.subarray(at, at + 64));
  return state.map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** A state after `length` bytes, a length that no message in memory can reach. */
function stateAfter(length: bigint): Uint8Array {
  const saved = randomBytes(Number(length % 1009n), 40 + Number(length % 64n));
  new DataView(saved.buffer).setBigUint64(32, length);
  return saved;
}

it('is SHA-256', () => {
  const start = createSha256().save();
  expect(finish(start, Buffer.from('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

const BITS = [29n, 31n, 32n, 35n, 52n];

onEach(WITH_MIDSTATES, () => {
  it.each(BITS)('counts on past 2^%s bytes', (bits) => {
    for (const before of [200n, 64n, 55n, 9n, 8n, 1n, 0n]) {
      const saved = stateAfter(2n ** bits - before);
      for (const byteCount of [0, 1, 8, 9, 55, 56, 64, 65, 130, 300]) {
        const appended = randomBytes(5, byteCount);
        const hasher = createSha256().restore(saved);
        expect(hexOf(hasher.save())).toBe(hexOf(saved));
        const digest = hexOf(hasher.update(appended).digest());
        expect(digest, `2^${bits} - ${before} and ${byteCount}`).toBe(finish(saved, appended));
        const length = new DataView(hasher.save().buffer).getBigUint64(32);
        expect(length).toBe(2n ** bits - before + BigInt(byteCount));
      }
    }
  });

  it('counts up to 2^53 - 1 bytes', () => {
    for (const before of [300n, 65n, 64n, 1n, 0n]) {
      const saved = stateAfter(2n ** 53n - 1n - before);
      const appended = randomBytes(6, Number(before));
      const hasher = createSha256().restore(saved).update(appended);
      expect(hexOf(hasher.digest())).toBe(finish(saved, appended));
      expect(hexOf(createSha256().restore(hasher.save()).digest())).toBe(hexOf(hasher.digest()));
    }
  });
});
