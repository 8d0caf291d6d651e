/**
 * SHA-256 (FIPS 180-4) in plain TypeScript: the readable reference that every faster engine is
 * tested against, and what runs where WebAssembly may not.
 */

/** The first 64 primes, from which the standard takes its constants. */
const PRIMES = /* @__PURE__ */ firstPrimes(64);

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes;
}

/** The first 32 bits of the fractional part of `x`. A double has 18 bits more, so rounding cannot show. */
const fraction = (x: number) => ((x - Math.floor(x)) * 2 ** 32) | 0;

/** §4.2.2: the constants of the 64 rounds, from the cube roots of the first 64 primes. */
const K = /* @__PURE__ */ Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));

/** §5.3.3: the initial hash value, from the square roots of the first eight primes. */
export const SHA256_INIT = /* @__PURE__ */ rootsOf(PRIMES);

function rootsOf(primes: readonly number[]): Int32Array {
  return Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
}

/** §6.2.2 step 1: the message schedule. One for all: a compression never yields to other code. */
const W = /* @__PURE__ */ new Int32Array(64);

// §4.1.2. Ch is written ((f ^ g) & e) ^ g, and Maj ((a ^ b) & (b ^ c)) ^ b, whose a ^ b is the next
// round's b ^ c; both stand inline below because V8 stops inlining a function this large.
const Σ0 = (a: number) =>
  ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
const Σ1 = (e: number) =>
  ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
const σ0 = (x: number) => ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
const σ1 = (x: number) => ((x >>> 17) | (x << 15)) ^ ((x >>> 19) | (x << 13)) ^ (x >>> 10);

/** §6.2.2 over the whole blocks of `bytes` from `offset` to `end`. */
export function sha256Compress(
  state: Int32Array,
  bytes: Uint8Array,
  offset: number,
  end: number,
): void {
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let at = offset; at < end; at += 64) {
    for (let t = 0, i = at; t < 16; t++, i += 4) {
      W[t] =
        ((bytes[i] as number) << 24) |
        ((bytes[i + 1] as number) << 16) |
        ((bytes[i + 2] as number) << 8) |
        (bytes[i + 3] as number);
    }
    for (let t = 16; t < 64; t++) {
      W[t] =
        (σ1(W[t - 2] as number) +
          (W[t - 7] as number) +
          σ0(W[t - 15] as number) +
          (W[t - 16] as number)) |
        0;
    }
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    const e0 = e;
    const f0 = f;
    const g0 = g;
    const h0 = h;
    // Eight rounds with rotated names spare the moves a → b → … → h.
    let ab: number;
    let bc = b ^ c;
    for (let t = 0; t < 64; t += 8) {
      h = (h + Σ1(e) + (((f ^ g) & e) ^ g) + (K[t] as number) + (W[t] as number)) | 0;
      d = (d + h) | 0;
      ab = a ^ b;
      h = (h + Σ0(a) + ((ab & bc) ^ b)) | 0;
      g = (g + Σ1(d) + (((e ^ f) & d) ^ f) + (K[t + 1] as number) + (W[t + 1] as number)) | 0;
      c = (c + g) | 0;
      bc = h ^ a;
      g = (g + Σ0(h) + ((bc & ab) ^ a)) | 0;
      f = (f + Σ1(c) + (((d ^ e) & c) ^ e) + (K[t + 2] as number) + (W[t + 2] as number)) | 0;
      b = (b + f) | 0;
      ab = g ^ h;
      f = (f + Σ0(g) + ((ab & bc) ^ h)) | 0;
      e = (e + Σ1(b) + (((c ^ d) & b) ^ d) + (K[t + 3] as number) + (W[t + 3] as number)) | 0;
      a = (a + e) | 0;
      bc = f ^ g;
      e = (e + Σ0(f) + ((bc & ab) ^ g)) | 0;
      d = (d + Σ1(a) + (((b ^ c) & a) ^ c) + (K[t + 4] as number) + (W[t + 4] as number)) | 0;
      h = (h + d) | 0;
      ab = e ^ f;
      d = (d + Σ0(e) + ((ab & bc) ^ f)) | 0;
      c = (c + Σ1(h) + (((a ^ b) & h) ^ b) + (K[t + 5] as number) + (W[t + 5] as number)) | 0;
      g = (g + c) | 0;
      bc = d ^ e;
      c = (c + Σ0(d) + ((bc & ab) ^ e)) | 0;
      b = (b + Σ1(g) + (((h ^ a) & g) ^ a) + (K[t + 6] as number) + (W[t + 6] as number)) | 0;
      f = (f + b) | 0;
      ab = c ^ d;
      b = (b + Σ0(c) + ((ab & bc) ^ d)) | 0;
      a = (a + Σ1(f) + (((g ^ h) & f) ^ h) + (K[t + 7] as number) + (W[t + 7] as number)) | 0;
      e = (e + a) | 0;
      bc = b ^ c;
      a = (a + Σ0(b) + ((bc & ab) ^ c)) | 0;
    }
    a = (a + a0) | 0;
    b = (b + b0) | 0;
    c = (c + c0) | 0;
    d = (d + d0) | 0;
    e = (e + e0) | 0;
    f = (f + f0) | 0;
    g = (g + g0) | 0;
    h = (h + h0) | 0;
  }
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
  state[4] = e;
  state[5] = f;
  state[6] = g;
  state[7] = h;
}
