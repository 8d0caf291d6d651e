import { HOLES, INPUT, STRUCTURE } from '../layout';
import { escapeJson } from './escape';
import { escapeUtf16 } from './utf16';

// @ts-ignore: decorator
@inline function copy(from: usize, byteCount: usize, out: usize): usize {
  for (let at: usize = 0; at < byteCount; at += 16) v128.store(out + at, v128.load(from + at));
  return out + byteCount;
}

/**
 * Writes the text at STRUCTURE, which ends at `end`, to `out` with a string in each of its holes.
 * The strings are well-formed and follow one another at INPUT, in `utf8Bytes` bytes of UTF-8, or in
 * UTF-16 if that is 0. Together they have `textUnits` UTF-16 code units. A hole is its address in the
 * text and the number of these units of its string. Returns the end of the output, which needs space for 6 bytes per unit and 32 more.
 */
export function weave(
  end: usize,
  holeCount: u32,
  utf8Bytes: usize,
  textUnits: usize,
  out: usize,
): usize {
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
      const next = utf8Bytes == textUnits ? text + unitCount : skipUnits(text, unitCount);
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
