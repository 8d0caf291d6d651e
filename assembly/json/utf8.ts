import { first } from './compact';

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

/** Returns the mistakes in `x`, which follows `before`: any bit that is set. */
// @ts-ignore: decorator
@inline function faults(x: v128, before: v128): v128 {
  const one = v128.shuffle<u8>(before, x, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
  const two = v128.shuffle<u8>(before, x, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
  const three = v128.shuffle<u8>(before, x, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  const byHigh = i8x16.swizzle(
    i8x16(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO,
      SHORT | OVER2, SHORT, SHORT | OVER3 | SURROGATE, SHORT | LARGE | OVER4),
    i8x16.shr_u(one, 4),
  );
  const byLow = i8x16.swizzle(
    i8x16(ANY | OVER2 | OVER3 | OVER4, ANY | OVER2, ANY, ANY, ANY | LARGE, BIG, BIG, BIG,
      BIG, BIG, BIG, BIG, BIG, BIG | SURROGATE, BIG, BIG),
    v128.and(one, i8x16.splat(15)),
  );
  const byNext = i8x16.swizzle(
    i8x16(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,
      LONG | TWO | OVER2 | OVER3 | OVER4, LONG | TWO | OVER2 | OVER3 | LARGE,
      LONG | TWO | OVER2 | SURROGATE | LARGE, LONG | TWO | OVER2 | SURROGATE | LARGE,
      SHORT, SHORT, SHORT, SHORT),
    i8x16.shr_u(x, 4),
  );
  // The mistake of more than two bytes: a third or fourth byte that is missing or superfluous.
  const must = v128.or(
    i8x16.sub_sat_u(two, i8x16.splat(<i8>0x60)),
    i8x16.sub_sat_u(three, i8x16.splat(<i8>0x70)),
  );
  return v128.xor(
    v128.and(v128.and(byHigh, byLow), byNext),
    v128.and(must, i8x16.splat(TWO)),
  );
}

/**
 * Checks the UTF-8 of a string from the start of a character at `at`. Returns a position before
 * which everything is valid: that of a quote, a backslash or a control character, or the end of a
 * stretch of ASCII. Returns 0 for a mistake.
 */
export function utf8(at: usize): usize {
  let before = i8x16.splat(0);
  let wrong = i8x16.splat(0);
  while (true) {
    let x = v128.load(at);
    const end = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(x, i8x16.splat(0x22)), i8x16.eq(x, i8x16.splat(0x5c))),
        i8x16.lt_u(x, i8x16.splat(0x20)),
      ),
    );
    const count = ctz(end | 0x10000);
    // Zeros behind the end: a character that is not complete there is a mistake.
    x = v128.and(x, first(count));
    wrong = v128.or(wrong, faults(x, before));
    at += <usize>count;
    if (end != 0 || i8x16.bitmask(x) == 0) return v128.any_true(wrong) ? 0 : at;
    before = x;
  }
}
