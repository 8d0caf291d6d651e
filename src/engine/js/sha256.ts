/**
 * SHA-256 (FIPS 180-4) in plain TypeScript: the readable reference that every faster engine is
 * tested against, and what runs where WebAssembly may not.
 */

/** §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** §5.3.3: the initial hash value. */
export const SHA256_INIT: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/** §6.2.2 step 1: the message schedule. One for all: a compression never yields to other code. */
const W = new Int32Array(64);

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
