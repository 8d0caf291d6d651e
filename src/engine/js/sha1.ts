/** SHA-1 (FIPS 180-4) in plain TypeScript, only for UUIDv5 (RFC 9562 §5.5). */

/** §5.3.1: the initial hash value. */
export const SHA1_INIT = /* @__PURE__ */ Int32Array.of(
  0x67452301,
  0xefcdab89,
  0x98badcfe,
  0x10325476,
  0xc3d2e1f0,
);

/** §6.1.2 step 1: the message schedule. */
const W = /* @__PURE__ */ new Int32Array(80);

const rotl = (x: number, count: number) => (x << count) | (x >>> (32 - count));

/** §6.1.2 over all blocks of `bytes` from `offset` to `end`. */
export function sha1Compress(
  state: Int32Array,
  bytes: Uint8Array,
  offset: number,
  end: number,
): void {
  for (let at = offset; at < end; at += 64) {
    for (let t = 0, i = at; t < 16; t++, i += 4) {
      W[t] =
        ((bytes[i] as number) << 24) |
        ((bytes[i + 1] as number) << 16) |
        ((bytes[i + 2] as number) << 8) |
        (bytes[i + 3] as number);
    }
    for (let t = 16; t < 80; t++) {
      const w =
        (W[t - 3] as number) ^ (W[t - 8] as number) ^ (W[t - 14] as number) ^ (W[t - 16] as number);
      W[t] = rotl(w, 1);
    }
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
    for (let t = 0; t < 80; t++) {
      let f: number;
      // §4.1.1 and §4.2.1: Ch, Parity, Maj, Parity with their constants.
      if (t < 20) f = (((c ^ d) & b) ^ d) + 0x5a827999;
      else if (t < 40) f = (b ^ c ^ d) + 0x6ed9eba1;
      else if (t < 60) f = ((b & c) | ((b | c) & d)) + 0x8f1bbcdc;
      else f = (b ^ c ^ d) + 0xca62c1d6;
      const next = (rotl(a, 5) + f + e + (W[t] as number)) | 0;
      e = d;
      d = c;
      c = rotl(b, 30);
      b = a;
      a = next;
    }
    state[0] = (state[0] as number) + a;
    state[1] = (state[1] as number) + b;
    state[2] = (state[2] as number) + c;
    state[3] = (state[3] as number) + d;
    state[4] = (state[4] as number) + e;
  }
}
