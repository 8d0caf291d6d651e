import { HOLES, INPUT, STRUCTURE } from '../layout';
import { escapeJson, putEscape } from './escape';

// @ts-ignore: decorator
@inline function copy(from: usize, byteCount: usize, out: usize): usize {
  for (let at: usize = 0; at < byteCount; at += 16) v128.store(out + at, v128.load(from + at));
  return out + byteCount;
}

/**
 * Writes the text at STRUCTURE, which ends at `end`, to `out` with a string in each of its holes.
 * The strings are well-formed and follow one another at INPUT, in `utf8Bytes` bytes of UTF-8, or in
 * UTF-16 if that is 0. A hole is its address in the text and the number of UTF-16 code units of its
 * string. Returns the end of the output, which needs space for 6 bytes per unit and 16 more.
 */
export function weave(end: usize, holeCount: u32, utf8Bytes: usize, out: usize): usize {
  let from = STRUCTURE;
  let text = INPUT;
  // Ends the last character for `skipUnits`.
  if (utf8Bytes != 0) store<u8>(INPUT + utf8Bytes, 0);
  const last = HOLES + (<usize>holeCount << 3);
  for (let hole = HOLES; hole < last; hole += 8) {
    const to = <usize>load<u32>(hole);
    out = copy(from, to - from, out);
    from = to;
    const unitCount = <usize>load<u32>(hole, 4);
    if (utf8Bytes == 0) {
      out = escapeUtf16(text, unitCount, out);
      text += unitCount << 1;
    } else {
      const next = skipUnits(text, unitCount);
      out = escapeJson(text, next - text, out);
      text = next;
    }
  }
  return copy(from, end - from, out);
}

/** Returns the end of the UTF-8 of `unitCount` UTF-16 code units at `ptr`. */
function skipUnits(ptr: usize, unitCount: usize): usize {
  let left = <i32>unitCount;
  // A byte that begins a character counts one unit, or two if the character has four bytes. A vector
  // counts at most 16.
  while (left >= 16) {
    const x = v128.load(ptr);
    left -= popcnt(i8x16.bitmask(i8x16.gt_s(x, i8x16.splat(-65))));
    left -= popcnt(i8x16.bitmask(i8x16.ge_u(x, i8x16.splat(-16))));
    ptr += 16;
  }
  // The last character of a vector may go on behind it.
  while (left > 0) {
    const byte = load<u8>(ptr++);
    if ((byte & 0xc0) != 0x80) left -= byte < 0xf0 ? 1 : 2;
  }
  while ((load<u8>(ptr) & 0xc0) == 0x80) ptr++;
  return ptr;
}

/**
 * RFC 8785 §3.2.2.2, like `escapeJson`, for UTF-16: `unitCount` code units at `ptr` go to `out` as
 * UTF-8. Returns 0 if a surrogate stands alone.
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
    if (load<u16>(ptr) < 0x80) {
      out = putEscape(load<u16>(ptr), out);
      ptr += 2;
      continue;
    }
    while (ptr < end) {
      const unit = <u32>load<u16>(ptr);
      if (unit < 0x80) break;
      const left = <u32>((end - ptr) >> 1);
      const units = v128.load(ptr);
      const wide = i16x8.ge_u(units, i16x8.splat(0x800));
      if (unit < 0x800) {
        const narrow = v128.andnot(i16x8.ge_u(units, i16x8.splat(0x80)), wide);
        const count = min(left, <u32>ctz(~i16x8.bitmask(narrow)));
        // 110xxxxx 10xxxxxx
        v128.store(
          out,
          v128.or(
            v128.or(
              i16x8.shr_u(units, 6),
              i16x8.shl(v128.and(units, i16x8.splat(0x3f)), 8),
            ),
            i16x8.splat(<i16>0x80c0),
          ),
        );
        ptr += count << 1;
        out += count << 1;
      } else if ((unit & 0xf800) != 0xd800) {
        const surrogate = i16x8.eq(
          v128.and(units, i16x8.splat(<i16>0xf800)),
          i16x8.splat(<i16>0xd800),
        );
        const count = min(left, <u32>ctz(~i16x8.bitmask(v128.andnot(wide, surrogate))));
        v128.store(out, threeBytes(i32x4.extend_low_i16x8_u(units)));
        if (count > 4) v128.store(out + 12, threeBytes(i32x4.extend_high_i16x8_u(units)));
        ptr += count << 1;
        out += 3 * count;
      } else {
        if ((unit & 0x400) != 0 || left == 1) return 0;
        const low = <u32>load<u16>(ptr, 2);
        if ((low & 0xfc00) != 0xdc00) return 0;
        const c = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
        store<u32>(
          out,
          0x808080f0 | (c >> 18) | (((c >> 12) & 63) << 8) | (((c >> 6) & 63) << 16) | ((c & 63) << 24),
        );
        ptr += 4;
        out += 4;
      }
    }
  }
  return out;
}

/** Returns 1110xxxx 10xxxxxx 10xxxxxx for each of four code units, without gaps. */
// @ts-ignore: decorator
@inline function threeBytes(units: v128): v128 {
  const bytes = v128.or(
    v128.or(i32x4.shr_u(units, 12), v128.and(i32x4.shl(units, 2), i32x4.splat(0x3f00))),
    v128.or(v128.and(i32x4.shl(units, 16), i32x4.splat(0x3f0000)), i32x4.splat(0x8080e0)),
  );
  return i8x16.swizzle(bytes, i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
}

// @ts-ignore: decorator
@inline function min(a: u32, b: u32): usize {
  return <usize>(a < b ? a : b);
}
