/**
 * SHA-256 (FIPS 180-4) in plain TypeScript: the reference for the tests of every faster engine, and
 * the implementation for platforms without WebAssembly.
 */

/** §5.3.3: the initial hash value. */
export const SHA256_INIT = /* @__PURE__ */ Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);

/** §4.2.2. */
const K = /* @__PURE__ */ Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);

/** §6.2.2 step 1: the message schedule. Shared, because no other code runs during a compression. */
const W = /* @__PURE__ */ new Int32Array(64);

/** §6.2.2 over all blocks of `bytes` from `offset` to `end`. */
export function sha256Compress(
  state: Int32Array,
  bytes: Uint8Array,
  offset: number,
  end: number,
): void {
  for (let at = offset; at < end; at += 64) compressBlock(state, bytes, at);
}

/**
 * One line per round, eight rounds in a loop. Rotated names save the moves a → b → … → h. V8
 * inlines no functions into one this large, so each line spells out §4.1.2: Σ1(e) and Σ0(a) as
 * three rotations, Ch as ((f ^ g) & e) ^ g, Maj as ((a ^ b) & (b ^ c)) ^ b, whose a ^ b is the next
 * round's b ^ c.
 *
 * It is a separate function per block. With the loop over all blocks inside, V8 compiled that loop
 * before it had seen the code behind it, and discarded the result at the end of every message.
 * Writing out all 64 rounds took 100 ms to compile and gained nothing.
 */
function compressBlock(state: Int32Array, bytes: Uint8Array, at: number): void {
  // A bundler turns these constants into `var`. V8 then looks them up for each word, which takes
  // 1.5 times as long.
  const w = W;
  const k = K;
  for (let t = 0, i = at; t < 16; t++, i += 4) {
    w[t] =
      ((bytes[i] as number) << 24) |
      ((bytes[i + 1] as number) << 16) |
      ((bytes[i + 2] as number) << 8) |
      (bytes[i + 3] as number);
  }
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15] as number;
    const y = w[t - 2] as number;
    const σ0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const σ1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (σ1 + (w[t - 7] as number) + σ0 + (w[t - 16] as number)) | 0;
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  let ab: number;
  let bc = b ^ c;
  for (let t = 0; t < 64; t += 8) {
    h = ((h + (k[t] as number) + (w[t] as number)) | 0) + (((f ^ g) & e) ^ g) + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))); d = (d + h) | 0; ab = a ^ b; h = (h + ((ab & bc) ^ b) + (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10)))) | 0;
    g = ((g + (k[t + 1] as number) + (w[t + 1] as number)) | 0) + (((e ^ f) & d) ^ f) + (((d >>> 6) | (d << 26)) ^ ((d >>> 11) | (d << 21)) ^ ((d >>> 25) | (d << 7))); c = (c + g) | 0; bc = h ^ a; g = (g + ((bc & ab) ^ a) + (((h >>> 2) | (h << 30)) ^ ((h >>> 13) | (h << 19)) ^ ((h >>> 22) | (h << 10)))) | 0;
    f = ((f + (k[t + 2] as number) + (w[t + 2] as number)) | 0) + (((d ^ e) & c) ^ e) + (((c >>> 6) | (c << 26)) ^ ((c >>> 11) | (c << 21)) ^ ((c >>> 25) | (c << 7))); b = (b + f) | 0; ab = g ^ h; f = (f + ((ab & bc) ^ h) + (((g >>> 2) | (g << 30)) ^ ((g >>> 13) | (g << 19)) ^ ((g >>> 22) | (g << 10)))) | 0;
    e = ((e + (k[t + 3] as number) + (w[t + 3] as number)) | 0) + (((c ^ d) & b) ^ d) + (((b >>> 6) | (b << 26)) ^ ((b >>> 11) | (b << 21)) ^ ((b >>> 25) | (b << 7))); a = (a + e) | 0; bc = f ^ g; e = (e + ((bc & ab) ^ g) + (((f >>> 2) | (f << 30)) ^ ((f >>> 13) | (f << 19)) ^ ((f >>> 22) | (f << 10)))) | 0;
    d = ((d + (k[t + 4] as number) + (w[t + 4] as number)) | 0) + (((b ^ c) & a) ^ c) + (((a >>> 6) | (a << 26)) ^ ((a >>> 11) | (a << 21)) ^ ((a >>> 25) | (a << 7))); h = (h + d) | 0; ab = e ^ f; d = (d + ((ab & bc) ^ f) + (((e >>> 2) | (e << 30)) ^ ((e >>> 13) | (e << 19)) ^ ((e >>> 22) | (e << 10)))) | 0;
    c = ((c + (k[t + 5] as number) + (w[t + 5] as number)) | 0) + (((a ^ b) & h) ^ b) + (((h >>> 6) | (h << 26)) ^ ((h >>> 11) | (h << 21)) ^ ((h >>> 25) | (h << 7))); g = (g + c) | 0; bc = d ^ e; c = (c + ((bc & ab) ^ e) + (((d >>> 2) | (d << 30)) ^ ((d >>> 13) | (d << 19)) ^ ((d >>> 22) | (d << 10)))) | 0;
    b = ((b + (k[t + 6] as number) + (w[t + 6] as number)) | 0) + (((h ^ a) & g) ^ a) + (((g >>> 6) | (g << 26)) ^ ((g >>> 11) | (g << 21)) ^ ((g >>> 25) | (g << 7))); f = (f + b) | 0; ab = c ^ d; b = (b + ((ab & bc) ^ d) + (((c >>> 2) | (c << 30)) ^ ((c >>> 13) | (c << 19)) ^ ((c >>> 22) | (c << 10)))) | 0;
    a = ((a + (k[t + 7] as number) + (w[t + 7] as number)) | 0) + (((g ^ h) & f) ^ h) + (((f >>> 6) | (f << 26)) ^ ((f >>> 11) | (f << 21)) ^ ((f >>> 25) | (f << 7))); e = (e + a) | 0; bc = b ^ c; a = (a + ((bc & ab) ^ c) + (((b >>> 2) | (b << 30)) ^ ((b >>> 13) | (b << 19)) ^ ((b >>> 22) | (b << 10)))) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}
