import { SCHEDULE } from './layout';

/** FIPS 180-4 §5.3.1: the initial chaining state. */
export function sha1Init(state: usize): void {
  v128.store(state, i32x4(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476));
  store<u32>(state, 0xc3d2e1f0, 16);
}

/** §6.1.2 step 1: word `t` of the schedule, in a ring of sixteen words. */
// @ts-ignore: decorator
@inline function word(t: u32): u32 {
  const at = SCHEDULE + ((t & 15) << 2);
  const w = rotl<u32>(
    load<u32>(SCHEDULE + (((t + 13) & 15) << 2)) ^
      load<u32>(SCHEDULE + (((t + 8) & 15) << 2)) ^
      load<u32>(SCHEDULE + (((t + 2) & 15) << 2)) ^
      load<u32>(at),
    1,
  );
  store<u32>(at, w);
  return w;
}

/** §6.1.2 over `blockCount` blocks. UUIDs are short: small code was chosen over the last 20 %. */
export function sha1Compress(state: usize, ptr: usize, blockCount: u32): void {
  while (blockCount != 0) {
    let a = load<u32>(state, 0);
    let b = load<u32>(state, 4);
    let c = load<u32>(state, 8);
    let d = load<u32>(state, 12);
    let e = load<u32>(state, 16);
    for (let t: u32 = 0; t < 80; t++) {
      let w: u32;
      if (t < 16) {
        w = bswap(load<u32>(ptr + (t << 2)));
        store<u32>(SCHEDULE + (t << 2), w);
      } else {
        w = word(t);
      }
      // §4.1.1 and §4.2.1: Ch, Parity, Maj, Parity with their constants.
      if (t < 20) w += (((c ^ d) & b) ^ d) + 0x5a827999;
      else if (t < 40) w += (b ^ c ^ d) + 0x6ed9eba1;
      else if (t < 60) w += ((b & c) | ((b | c) & d)) + 0x8f1bbcdc;
      else w += (b ^ c ^ d) + 0xca62c1d6;
      w += rotl<u32>(a, 5) + e;
      e = d;
      d = c;
      c = rotl<u32>(b, 30);
      b = a;
      a = w;
    }
    store<u32>(state, load<u32>(state, 0) + a, 0);
    store<u32>(state, load<u32>(state, 4) + b, 4);
    store<u32>(state, load<u32>(state, 8) + c, 8);
    store<u32>(state, load<u32>(state, 12) + d, 12);
    store<u32>(state, load<u32>(state, 16) + e, 16);
    ptr += 64;
    blockCount--;
  }
}
