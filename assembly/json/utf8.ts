/**
 * Validates UTF-8 sixteen bytes at a time, by Keiser and Lemire, "Validating UTF-8 in less than one
 * instruction per byte" (2021), §6: every mistake but one shows in two neighbouring bytes. Each bit
 * of a table entry is a mistake that is possible with the four bits of its index. A mistake that is
 * possible in all three tables has occurred.
 */
const SHORT: i8 = 1; // a lead byte without a continuation after it
const LONG: i8 = 2; // ASCII with a continuation after it
const OVER3: i8 = 4; // E0 80…9F: fits into two bytes
const LARGE: i8 = 8; // F4 90…, F5…: beyond U+10FFFF
const SURROGATE: i8 = 16; // ED A0…
const OVER2: i8 = 32; // C0, C1: fits into one byte
const OVER4: i8 = 64; // F0 80…8F: fits into three bytes; and F5… 80…8F
const TWO: i8 = -128; // two continuations: right only two or three bytes after a lead
const ANY: i8 = SHORT | LONG | TWO;
const BIG: i8 = ANY | LARGE | OVER4;

/** The high halves of the bytes. */
// @ts-ignore: decorator
@inline function highHalves(x: v128): v128 {
  // x86 has no shift of bytes, which would be emulated.
  return v128.and(i16x8.shr_u(x, 4), i8x16.splat(15));
}

/** The mistakes that each byte makes possible for the byte after it. */
// @ts-ignore: decorator
@inline function risks(x: v128): v128 {
  const byHigh = i8x16.swizzle(
    i8x16(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO,
      SHORT | OVER2, SHORT, SHORT | OVER3 | SURROGATE, SHORT | LARGE | OVER4),
    highHalves(x),
  );
  const byLow = i8x16.swizzle(
    i8x16(ANY | OVER2 | OVER3 | OVER4, ANY | OVER2, ANY, ANY, ANY | LARGE, BIG, BIG, BIG,
      BIG, BIG, BIG, BIG, BIG, BIG | SURROGATE, BIG, BIG),
    v128.and(x, i8x16.splat(15)),
  );
  return v128.and(byHigh, byLow);
}

/** Returns the mistakes in `x`, which follows `before`: any bit that is set. */
// @ts-ignore: decorator
@inline function faults(x: v128, before: v128): v128 {
  const two = v128.shuffle<u8>(before, x, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
  const three = v128.shuffle<u8>(before, x, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  const byLast = v128.shuffle<u8>(
    risks(before), risks(x), 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
  );
  const byNext = i8x16.swizzle(
    i8x16(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,
      LONG | TWO | OVER2 | OVER3 | OVER4, LONG | TWO | OVER2 | OVER3 | LARGE,
      LONG | TWO | OVER2 | SURROGATE | LARGE, LONG | TWO | OVER2 | SURROGATE | LARGE,
      SHORT, SHORT, SHORT, SHORT),
    highHalves(x),
  );
  // The mistake of more than two bytes: a third or fourth byte that is missing or superfluous.
  const must = v128.or(
    i8x16.sub_sat_u(two, i8x16.splat(<i8>0x60)),
    i8x16.sub_sat_u(three, i8x16.splat(<i8>0x70)),
  );
  return v128.xor(v128.and(byLast, byNext), v128.and(must, i8x16.splat(TWO)));
}

/**
 * Returns whether [at, end) is UTF-8. It is followed by zeros, so a character that is not complete is
 * a mistake.
 */
export function isUtf8(at: usize, end: usize): bool {
  let before = i8x16.splat(0);
  let wrong = i8x16.splat(0);
  for (; at < end; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    wrong = v128.or(wrong, faults(a, before));
    if (i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d))) != 0) {
      wrong = v128.or(v128.or(wrong, faults(b, a)), v128.or(faults(c, b), faults(d, c)));
    }
    before = d;
  }
  // The last character may end with the last vector.
  wrong = v128.or(wrong, faults(i8x16.splat(0), before));
  return !v128.any_true(wrong);
}
