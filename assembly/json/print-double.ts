import { DIGITS } from './layout';
import { log2OfPower, multiplyByPower, powerOfTen, productLow } from './powers-of-ten';

/**
 * Writes ± mantissa × 2^exponent as ECMAScript does: with the fewest digits that read back as the
 * same double, and of those the nearest to it (Giulietti, "The Schubfach way to render doubles").
 * The mantissa is below 2^53, and at least 2^52 unless the exponent is -1074. Zero has no sign.
 */
export function printBinary(isNegative: bool, mantissa: u64, exponent: i32, out: usize): usize {
  if (mantissa == 0) {
    store<u8>(out, 48);
    return out + 1;
  }
  // The lower neighbour of a power of two is at half the distance of the upper one.
  const isClose = mantissa == 1 << 52 && exponent > -1074;
  const isOdd = mantissa & 1;
  // 10^k is the greatest power that does not exceed the distance of the neighbours.
  let k = (exponent * 1262611 - (isClose ? 524031 : 0)) >> 22;
  const shift = exponent + log2OfPower(-k) + 7;

  // The value in units of 10^k / 64, and half the distance of its neighbours, as words with
  // fractions of 2^-64. Value and interval ends that are not at a multiple of 32 are at least 44
  // fractions away from it (by continued fractions, for all exponents). Errors are below 3
  // fractions. So after adding 3, a fraction of at most 6 counts as zero.
  const word = multiplyByPower(mantissa << shift, -k);
  const fraction = productLow + 3;
  const value = word + u64(fraction < 3);
  const power = powerOfTen(-k);
  const high = load<u64>(power) >> (65 - shift);
  const low = (load<u64>(power) << (shift - 1)) | (load<u64>(power, 8) >> (65 - shift));
  const above = fraction + low;
  const upper = fold(value + high + u64(above < low), above) - isOdd;
  const lowHalf = isClose ? (low >> 1) | (high << 63) : low;
  const highHalf = isClose ? high >> 1 : high;
  const lower = fold(value - highHalf - u64(fraction < lowHalf), fraction - lowHalf) + isOdd;

  // An odd mantissa excludes the ends of its interval. One digit less is used if that lies inside.
  let digits = value / 640;
  const isDown = lower <= digits * 640;
  if (isDown != digits * 640 + 640 <= upper) {
    digits += u64(!isDown);
    k++;
  } else {
    digits = value >> 6;
    const isDown = lower <= digits << 6;
    const isUp = (digits << 6) + 64 <= upper;
    // If both candidates lie inside: the nearer one, or the even one of two.
    const rest = fold(value, fraction) & 63;
    digits += u64(isDown == isUp ? rest + (digits & 1) > 32 : isUp);
  }
  return printDecimal(isNegative, digits, k, out);
}

/** Returns the word, made odd if there is a fraction. */
// @ts-ignore: decorator
@inline function fold(word: u64, fraction: u64): u64 {
  return word | u64(fraction > 6);
}

/**
 * Writes ± digits × 10^k in the notation of ECMA-262 Number::toString. The digits are an integer
 * from 1 to 10^17 - 1. Up to 48 bytes at `out` are overwritten.
 */
export function printDecimal(isNegative: bool, digits: u64, k: i32, out: usize): usize {
  // The last sixteen digits as two lanes of eight, then four of four, and so on: x = 10000 a + b
  // becomes a + (b << 32) = (x << 32) - a ((10000 << 32) - 1).
  const upper = digits / 100000000;
  const first = <u32>upper / 100000000;
  let x = i64x2.splat(digits - upper * 100000000);
  x = i64x2.replace_lane(x, 0, upper - first * 100000000);
  let a = i64x2.shr_u(i64x2.mul(x, i64x2.splat(109951163)), 40);
  x = i64x2.sub(i64x2.shl(x, 32), i64x2.mul(a, i64x2.splat((10000 << 32) - 1)));
  a = i32x4.shr_u(i32x4.mul(x, i32x4.splat(5243)), 19);
  x = i32x4.sub(i32x4.shl(x, 16), i32x4.mul(a, i32x4.splat((100 << 16) - 1)));
  a = i16x8.shr_u(i16x8.mul(x, i16x8.splat(103)), 10);
  x = i16x8.sub(i16x8.shl(x, 8), i16x8.mul(a, i16x8.splat((10 << 8) - 1)));
  store<u8>(DIGITS, <u8>(48 + first));
  v128.store(DIGITS + 1, v128.or(x, i8x16.splat(48)));
  v128.store(DIGITS + 17, i8x16.splat(48));
  v128.store(DIGITS + 24, i8x16.splat(48));
  const used = (i8x16.bitmask(i8x16.ne(x, i8x16.splat(0))) << 1) | i32(first != 0);
  const start = ctz(used);
  const from = DIGITS + start;

  // n of the standard: the position of the point, counted in digits.
  const count = 32 - clz(used) - start;
  const n = k + 17 - start;
  const isScientific = <u32>(n + 5) > 26;
  if (isNegative) store<u8>(out++, 0x2d);
  let whole = n;
  if (isScientific) whole = 1;
  else if (n <= 0) {
    store<u64>(out, 0x3030303030302e30); // 0.000000
    out += 2 - n;
    whole = count;
  }
  copyDigits(from, out);
  if (count > whole) {
    copyDigits(from + whole, out + whole + 1);
    store<u8>(out + whole, 46);
    out++;
    whole = count;
  }
  out += whole;
  if (isScientific) {
    store<u16>(out, n > 0 ? 0x2b65 : 0x2d65); // e+ or e-
    out += 2;
    const exponent = <u32>abs(n - 1);
    let weight: u32 = exponent > 99 ? 100 : exponent > 9 ? 10 : 1;
    for (; weight != 0; weight /= 10) store<u8>(out++, <u8>(48 + ((exponent / weight) % 10)));
  }
  return out;
}

/** Writes up to 21 digits, followed by zeros. */
// @ts-ignore: decorator
@inline function copyDigits(from: usize, out: usize): void {
  v128.store(out, v128.load(from));
  store<u64>(out, load<u64>(from, 16), 16);
}
