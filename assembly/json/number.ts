import { log2OfPower, multiplyHigh, powerOfTen } from './powers-of-ten';
import { printBinary, printDecimal } from './print-double';
import { binaryExponent, decimalExponent, digits, readDecimal, roundToDouble } from './read-double';

/**
 * Writes the number [ptr, end), which is valid JSON (RFC 8259 §6), as ECMAScript prints it (RFC 8785
 * §3.2.2.3), and returns the end of what was written; 0 if it is infinite. What is written has at most 25
 * bytes, but up to 48 at `out` are overwritten.
 */
export function reprintNumber(ptr: usize, end: usize, out: usize): usize {
  if (isShortest(ptr, end)) {
    const first = v128.load(ptr);
    v128.store(out, v128.load(ptr, 16), 16);
    v128.store(out, first);
    return out + (end - ptr);
  }
  readDecimal(ptr, end);
  if (digits == 0) return printZero(out);
  // Fifteen digits always read back as they were written.
  const isPrecise = digits < 1000000000000000 && <u32>(decimalExponent + 300) < 590;
  let mantissa: u64 = 0;
  if (!isPrecise) {
    mantissa = roundToDouble(ptr, end);
    if (mantissa == 0) return printZero(out);
    if (binaryExponent == 1024) return 0;
  }
  if (load<u8>(ptr) == 0x2d) store<u8>(out++, 0x2d);
  return isPrecise ? printDecimal(digits, decimalExponent, out) : printBinary(mantissa, binaryExponent, out);
}

/** Writes a finite double as ECMAScript prints it, like `reprintNumber`. */
export function printDouble(value: f64, out: usize): usize {
  if (value == 0) return printZero(out);
  const bits = reinterpret<u64>(value);
  if (bits >> 63) store<u8>(out++, 0x2d);
  const exponent = <i32>(bits >> 52) & 2047;
  const mantissa = bits & 0xfffffffffffff;
  return exponent == 0 ? printBinary(mantissa, -1074, out)
    : printBinary(mantissa | (1 << 52), exponent - 1075, out);
}

// @ts-ignore: decorator
@inline function printZero(out: usize): usize {
  store<u8>(out, 48);
  return out + 1;
}

/**
 * True if [ptr, end) is for certain what `reprintNumber` would write: true for nearly all that
 * JSON.stringify prints with a point in it, and much cheaper than printing.
 *
 * The last 16 digits are read as a vector, a point among them being left out. What precedes has to
 * be zeros but for one digit, so that there are 17 significant digits at most. Up to 15 always
 * read back as they were. With more, the product with the power of ten is the double and, below
 * its last bit, how far the text is from it: the text is the shortest form if it is in the
 * double's interval, the next forms with one digit less are not, and it is the nearest of its
 * length. A high half of the power is enough, since what is near to a border is not certain.
 */
export function isShortest(ptr: usize, end: usize): bool {
  ptr += usize(load<u8>(ptr) == 0x2d);
  const length = <i32>(end - ptr);
  // 0.0000001 is printed as 1e-7.
  if (length > 24 || load<u64>(ptr) == 0x3030303030302e30) return false;
  const point = <i32>ctz(i8x16.bitmask(i8x16.eq(v128.load(ptr), i8x16.splat(0x2e))));
  const fraction = length - 1 - point;
  if (fraction <= 0) return false;

  // Lane i of 16 is a digit behind the point if i >= 16 - fraction; before it, they are one byte further left.
  const lanes = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  let x = v128.bitselect(
    v128.load(end - 16), v128.load(end - 17), i8x16.ge_s(lanes, i8x16.splat(<i8>(16 - fraction))),
  );
  x = v128.and(i8x16.sub(x, i8x16.splat(48)), i8x16.ge_s(lanes, i8x16.splat(<i8>(17 - length))));
  if (v128.any_true(i8x16.gt_u(x, i8x16.splat(9)))) return false;
  // Neighbours into one: 10 a + b, 100 a + b, 10000 a + b.
  x = i16x8.shr_u(i16x8.mul(x, i16x8.splat(2561)), 8);
  x = i32x4.dot_i16x8_s(x, i32x4.splat(0x10064));
  x = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(x, x), i32x4.splat(0x12710));
  let value = <u64>i32x4.extract_lane(x, 0) * 100000000 + <u64>i32x4.extract_lane(x, 1);

  let before: u32 = 0;
  const last = end - 16 - usize(fraction < 16);
  for (; ptr < last; ptr++) {
    const digit = <u32>load<u8>(ptr) - 48;
    if (digit > 9) {
      if (digit != -2) return false;
    } else {
      before = before * 10 + digit;
    }
  }
  if (before > 9) return false;
  value += <u64>before * 10000000000000000;
  const lastDigit = <u64>load<u8>(end - 1) - 48;
  if (lastDigit == 0) return false;
  if (value < 1000000000000000) return true;

  // Here a unit is one of the high word of the product, and 44 bits are its fraction. Of the word 20 bits
  // are left, enough for ten times the last digit's weight.
  const zeros = clz(value);
  value <<= zeros;
  const power = load<u64>(powerOfTen(-fraction));
  const product = multiplyHigh(value, power);
  const window = ((product << 44) | ((value * power) >> 20)) + (1 << 43);
  const bits = 10 + (product >> 63); // of the word, that are below the double
  const mantissa = ((product >> (bits - 1)) + 1) >> 1;
  const off = <i64>(window << (20 - bits)) >> (20 - bits);
  const half = <i64>1 << (43 + bits);
  const weight = <i64>(power >> (20 - zeros));
  const distance = abs<i64>(off);
  const down = weight * lastDigit - off;
  const up = weight * 10 - weight * lastDigit + off;
  const unsure = <i64>1 << 45;
  return (mantissa & (mantissa - 1)) != 0 && distance + unsure < half &&
    2 * distance + unsure < weight && down > half + unsure && up > half + unsure;
}
