import { SCHEDULE } from './layout';

/** FIPS 180-4 §5.3.1: the initial chaining state. */
export function sha1Init(state: usize): void {
  v128.store(state, i32x4(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476));
  store<u32>(state, 0xc3d2e1f0, 16);
}

/** §4.1.1. */
// @ts-ignore: decorator
@inline function ch(b: u32, c: u32, d: u32): u32 {
  return ((c ^ d) & b) ^ d;
}
// @ts-ignore: decorator
@inline function parity(b: u32, c: u32, d: u32): u32 {
  return b ^ c ^ d;
}
// @ts-ignore: decorator
@inline function maj(b: u32, c: u32, d: u32): u32 {
  return (b & c) | ((b | c) & d);
}

/** §6.1.2 step 1: all eighty words of the schedule. */
// @ts-ignore: decorator
@inline function schedule(ptr: usize): void {
  for (let t: usize = 0; t < 64; t += 4) store<u32>(SCHEDULE + t, bswap(load<u32>(ptr + t)));
  for (let w: usize = SCHEDULE; w < SCHEDULE + 256; w += 4) {
    store<u32>(w, rotl<u32>(load<u32>(w, 52) ^ load<u32>(w, 32) ^ load<u32>(w, 8) ^ load<u32>(w), 1), 64);
  }
}

/**
 * §6.1.2 over `blockCount` blocks, with the constants of §4.2.1. Five rounds with rotated names
 * save the moves a → b → … → e.
 */
export function sha1Compress(state: usize, ptr: usize, blockCount: u32): void {
  for (; blockCount != 0; blockCount--, ptr += 64) {
    schedule(ptr);
    let a = load<u32>(state, 0), b = load<u32>(state, 4), c = load<u32>(state, 8);
    let d = load<u32>(state, 12), e = load<u32>(state, 16);
    for (let w: usize = SCHEDULE + 0; w < SCHEDULE + 80; w += 20) {
      e += rotl<u32>(a, 5) + ch(b, c, d) + 0x5a827999 + load<u32>(w, 0); b = rotl<u32>(b, 30);
      d += rotl<u32>(e, 5) + ch(a, b, c) + 0x5a827999 + load<u32>(w, 4); a = rotl<u32>(a, 30);
      c += rotl<u32>(d, 5) + ch(e, a, b) + 0x5a827999 + load<u32>(w, 8); e = rotl<u32>(e, 30);
      b += rotl<u32>(c, 5) + ch(d, e, a) + 0x5a827999 + load<u32>(w, 12); d = rotl<u32>(d, 30);
      a += rotl<u32>(b, 5) + ch(c, d, e) + 0x5a827999 + load<u32>(w, 16); c = rotl<u32>(c, 30);
    }
    for (let w: usize = SCHEDULE + 80; w < SCHEDULE + 160; w += 20) {
      e += rotl<u32>(a, 5) + parity(b, c, d) + 0x6ed9eba1 + load<u32>(w, 0); b = rotl<u32>(b, 30);
      d += rotl<u32>(e, 5) + parity(a, b, c) + 0x6ed9eba1 + load<u32>(w, 4); a = rotl<u32>(a, 30);
      c += rotl<u32>(d, 5) + parity(e, a, b) + 0x6ed9eba1 + load<u32>(w, 8); e = rotl<u32>(e, 30);
      b += rotl<u32>(c, 5) + parity(d, e, a) + 0x6ed9eba1 + load<u32>(w, 12); d = rotl<u32>(d, 30);
      a += rotl<u32>(b, 5) + parity(c, d, e) + 0x6ed9eba1 + load<u32>(w, 16); c = rotl<u32>(c, 30);
    }
    for (let w: usize = SCHEDULE + 160; w < SCHEDULE + 240; w += 20) {
      e += rotl<u32>(a, 5) + maj(b, c, d) + 0x8f1bbcdc + load<u32>(w, 0); b = rotl<u32>(b, 30);
      d += rotl<u32>(e, 5) + maj(a, b, c) + 0x8f1bbcdc + load<u32>(w, 4); a = rotl<u32>(a, 30);
      c += rotl<u32>(d, 5) + maj(e, a, b) + 0x8f1bbcdc + load<u32>(w, 8); e = rotl<u32>(e, 30);
      b += rotl<u32>(c, 5) + maj(d, e, a) + 0x8f1bbcdc + load<u32>(w, 12); d = rotl<u32>(d, 30);
      a += rotl<u32>(b, 5) + maj(c, d, e) + 0x8f1bbcdc + load<u32>(w, 16); c = rotl<u32>(c, 30);
    }
    for (let w: usize = SCHEDULE + 240; w < SCHEDULE + 320; w += 20) {
      e += rotl<u32>(a, 5) + parity(b, c, d) + 0xca62c1d6 + load<u32>(w, 0); b = rotl<u32>(b, 30);
      d += rotl<u32>(e, 5) + parity(a, b, c) + 0xca62c1d6 + load<u32>(w, 4); a = rotl<u32>(a, 30);
      c += rotl<u32>(d, 5) + parity(e, a, b) + 0xca62c1d6 + load<u32>(w, 8); e = rotl<u32>(e, 30);
      b += rotl<u32>(c, 5) + parity(d, e, a) + 0xca62c1d6 + load<u32>(w, 12); d = rotl<u32>(d, 30);
      a += rotl<u32>(b, 5) + parity(c, d, e) + 0xca62c1d6 + load<u32>(w, 16); c = rotl<u32>(c, 30);
    }
    store<u32>(state, load<u32>(state, 0) + a, 0);
    store<u32>(state, load<u32>(state, 4) + b, 4);
    store<u32>(state, load<u32>(state, 8) + c, 8);
    store<u32>(state, load<u32>(state, 12) + d, 12);
    store<u32>(state, load<u32>(state, 16) + e, 16);
  }
}
