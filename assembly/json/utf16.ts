import { PACK_EIGHT, PACK_FOUR } from '../layout';
import { putEscape } from './escape';

/**
 * RFC 8785 §3.2.2.2, like `escapeJson`, for UTF-16: `unitCount` code units at `ptr` go to `out` as
 * UTF-8. Returns 0 if a surrogate stands alone. `out` needs space for 6 × `unitCount` + 32 bytes.
 */
export function escapeUtf16(ptr: usize, unitCount: usize, out: usize): usize {
  const end = ptr + (unitCount << 1);
  while (ptr < end) {
    // Saturated: all that is not ASCII becomes negative or 0.
    const x = i8x16.narrow_i16x8_u(v128.load(ptr), v128.load(ptr, 16));
    v128.store(out, x);
    const special = v128.or(
      v128.or(i8x16.eq(x, i8x16.splat(0x22)), i8x16.eq(x, i8x16.splat(0x5c))),
      i8x16.lt_s(x, i8x16.splat(0x20)),
    );
    const plain = <usize>ctz(i8x16.bitmask(special) | 0x10000);
    const left = (end - ptr) >> 1;
    if (plain >= left) return out + left;
    out += plain;
    ptr += plain << 1;
    if (plain == 16) continue;

    let unit = <u32>load<u16>(ptr);
    if (unit < 0x80) {
      out = putEscape(unit, out);
      ptr += 2;
      continue;
    }
    while ((unit & 0xf800) == 0xd800) {
      const second = end - ptr == 2 ? 0 : <u32>load<u16>(ptr, 2);
      if ((unit & 0x400) != 0 || (second & 0xfc00) != 0xdc00) return 0;
      store<u32>(out, fourBytes(0x10000 + ((unit & 0x3ff) << 10) + (second & 0x3ff)));
      ptr += 4;
      out += 4;
      if (ptr == end) return out;
      unit = load<u16>(ptr);
    }
    if (unit < 0x80) continue;

    if (load<u32>(PACK_FOUR) == 0) fillPacking();
    // Eight units at a time, until all are ASCII, or one is escaped or a surrogate.
    while (ptr < end) {
      const units = v128.load(ptr);
      const left = <u32>((end - ptr) >> 1);
      const surrogate = i16x8.eq(
        v128.and(units, i16x8.splat(<i16>0xf800)),
        i16x8.splat(<i16>0xd800),
      );
      const long = i16x8.ge_u(units, i16x8.splat(0x800));
      if (i16x8.bitmask(v128.andnot(long, surrogate)) == 0xff && left >= 8) {
        v128.store(out, packThrees(threeBytes(i32x4.extend_low_i16x8_u(units))));
        v128.store(out, packThrees(threeBytes(i32x4.extend_high_i16x8_u(units))), 12);
        ptr += 16;
        out += 24;
        continue;
      }
      const escaped = v128.or(
        v128.or(i16x8.eq(units, i16x8.splat(0x22)), i16x8.eq(units, i16x8.splat(0x5c))),
        i16x8.lt_u(units, i16x8.splat(0x20)),
      );
      const clean = <u32>ctz(i16x8.bitmask(v128.or(surrogate, escaped)) | 0x100);
      // The units that count, a bit each. A branch, because it is predicted: a count that is
      // computed would have to be known before the next vector is loaded.
      let counted: u32 = 0xff;
      if (clean < 8 || left < 8) {
        const count = left < clean ? left : clean;
        counted = (1 << count) - 1;
        ptr -= 16 - (count << 1);
      }
      ptr += 16;
      const second = i16x8.bitmask(i16x8.ge_u(units, i16x8.splat(0x80)));
      const third = i16x8.bitmask(long);
      if (third == 0) {
        v128.store(out, pack(shortCharacters(units), PACK_EIGHT, second));
      } else {
        const low = (second & 15) | ((third & 15) << 4);
        const high = (second >> 4) | (third & 0xf0);
        v128.store(out, pack(characters(i32x4.extend_low_i16x8_u(units)), PACK_FOUR, low));
        v128.store(
          out + 4 + popcnt(low),
          pack(characters(i32x4.extend_high_i16x8_u(units)), PACK_FOUR, high),
        );
      }
      out += popcnt(counted) + popcnt(second & counted) + popcnt(third & counted);
      if (counted != 0xff || second == 0) break;
    }
  }
  return out;
}

/** Returns 11110xxx and three times 10xxxxxx, in the order of memory. */
// @ts-ignore: decorator
@inline function fourBytes(c: u32): u32 {
  return 0x808080f0 | (c >> 18) | (((c >> 12) & 63) << 8) | (((c >> 6) & 63) << 16) | ((c & 63) << 24);
}

/** Returns 1110xxxx 10xxxxxx 10xxxxxx in each of four lanes. */
// @ts-ignore: decorator
@inline function threeBytes(units: v128): v128 {
  return v128.or(
    v128.or(i32x4.shr_u(units, 12), v128.and(i32x4.shl(units, 2), i32x4.splat(0x3f00))),
    v128.or(v128.and(i32x4.shl(units, 16), i32x4.splat(0x3f0000)), i32x4.splat(0x8080e0)),
  );
}

/** Returns each unit below 0x800 as one byte or as 110xxxxx 10xxxxxx, in lanes of 16 bits. */
// @ts-ignore: decorator
@inline function shortCharacters(units: v128): v128 {
  const twoBytes = v128.or(
    v128.or(i16x8.shr_u(units, 6), i16x8.shl(v128.and(units, i16x8.splat(0x3f)), 8)),
    i16x8.splat(<i16>0x80c0),
  );
  return v128.bitselect(twoBytes, units, i16x8.gt_s(units, i16x8.splat(0x7f)));
}

/** Returns each unit as one byte, two or three, in lanes of 32 bits. What is behind them varies. */
// @ts-ignore: decorator
@inline function characters(units: v128): v128 {
  return v128.bitselect(
    threeBytes(units),
    shortCharacters(units),
    i32x4.gt_s(units, i32x4.splat(0x7ff)),
  );
}

// @ts-ignore: decorator
@inline function packThrees(lanes: v128): v128 {
  return i8x16.swizzle(lanes, i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
}

/** Moves the bytes of the characters together. */
// @ts-ignore: decorator
@inline function pack(lanes: v128, table: usize, index: u32): v128 {
  return i8x16.swizzle(lanes, v128.load(table + (index << 4)));
}

/**
 * Fills both tables. A bit of an index stands for a lane with a second byte; in PACK_FOUR, the upper
 * four bits stand for those with a third one.
 */
function fillPacking(): void {
  for (let index: u32 = 0; index < 256; index++) {
    let four = PACK_FOUR + (index << 4);
    let eight = PACK_EIGHT + (index << 4);
    for (let lane: u32 = 0; lane < 8; lane++) {
      const hasSecond = ((index >> lane) & 1) != 0;
      store<u8>(eight++, <u8>(lane << 1));
      if (hasSecond) store<u8>(eight++, <u8>((lane << 1) + 1));
      if (lane > 3) continue;
      store<u8>(four++, <u8>(lane << 2));
      if (hasSecond) store<u8>(four++, <u8>((lane << 2) + 1));
      if ((index >> (lane + 4)) & 1) store<u8>(four++, <u8>((lane << 2) + 2));
    }
  }
}
