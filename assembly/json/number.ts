import { multiplyByPower, powerOfTen, productLow } from './powers-of-ten';
import { printBinary, printDecimal } from './print-double';
import { binaryExponent, decimalExponent, firstDigits, readDecimal, roundToDouble } from './read-double';

/**
 * Writes the number [ptr, end), which is valid JSON (RFC 8259 §6), as ECMAScript prints it (RFC
 * 8785 §3.2.2.3). Returns the end of the output, or 0 for an infinite number. The output has at
 * most 25 bytes, but 48 bytes at `out` may be overwritten.
 */
export function reprintNumber(ptr: usize, end: usize, out: usize): usize {
  if (isShortest(ptr, end)) {
    const first = v128.load(ptr);
    v128.store(out, v128.load(ptr, 16), 16);
    v128.store(out, first);
    return out + (end - ptr);
  }
  readDecimal(ptr, end);
  const isNegative = load<u8>(ptr) == 0x2d;
  // A double always reproduces fifteen digits.
  if (firstDigits - 1 < 999999999999999 && <u64>(decimalExponent + 300) < 590) {
    return printDecimal(isNegative, firstDigits, <i32>decimalExponent, out);
  }
  const mantissa = roundToDouble();
  return binaryExponent == 1024 ? 0 : printBinary(isNegative, mantissa, binaryExponent, out);
}

/**
 * Writes the `count` doubles at `ptr` like `reprintNumber`, each followed by a comma. Returns the
 * end of the output, or 0 if one of them is not finite.
 */
export function printDoubles(ptr: usize, count: usize, out: usize): usize {
  for (const end = ptr + 8 * count; ptr < end; ptr += 8) {
    const bits = load<u64>(ptr);
    const size = abs(load<f64>(ptr));
    const isNegative = bits >> 63 != 0;
    // Takes half the time, for integers.
    if (size == trunc(size) && size < 1e15 && size > 0) {
      out = printDecimal(isNegative, <u64>size, 0, out);
    } else {
      const exponent = <i32>(bits >> 52) & 2047;
      if (exponent == 2047) return 0;
      const mantissa = (bits & 0xfffffffffffff) | (u64(exponent != 0) << 52);
      out = printBinary(isNegative, mantissa, max(exponent, 1) - 1075, out);
    }
    store<u8>(out++, 44);
  }
  return out;
}

/**
 * Returns true if [ptr, end) is certainly the output of `reprintNumber`: true for nearly all
 * numbers with a point that JSON.stringify prints, and much cheaper than printing.
 *
 * The last 16 digits are read as a vector, without a point among them. At most one digit before
 * them may be other than zero, so there are at most 17 significant digits. A double always
 * reproduces up to 15. With more, the product with the power of ten gives the double and, below its
 * last bit, the distance of the text from it. The text is the shortest form if it lies in the
 * interval of the double, if its neighbours with one digit less do not, and if it is the nearest of
 * its length. Values near a border are not certain.
 */
export function isShortest(ptr: usize, end: usize): bool {
  ptr += usize(load<u8>(ptr) == 0x2d);
  const length = <i32>(end - ptr);
  const lastDigit = <u64>load<u8>(end - 1) - 48;
  // 0.0000001 is printed as 1e-7.
  const differsFromZero = load<u64>(ptr) ^ 0x3030303030302e30;
  if (lastDigit == 0 || length > 24 || differsFromZero == 0) return false;
  const point = <i32>ctz(i8x16.bitmask(i8x16.eq(v128.load(ptr), i8x16.splat(0x2e))));
  const fraction = length - 1 - point;
  if (fraction <= 0) return false;

  // The digits before the point are one byte further away.
  const lanes = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  let x = v128.bitselect(
    v128.load(end - 16), v128.load(end - 17), i8x16.ge_s(lanes, i8x16.splat(<i8>(16 - fraction))),
  );
  x = v128.and(i8x16.sub(x, i8x16.splat(48)), i8x16.ge_s(lanes, i8x16.splat(<i8>(17 - length))));
  if (v128.any_true(i8x16.gt_u(x, i8x16.splat(9)))) return false;
  // Joins neighbours: 10 a + b, 100 a + b, 10000 a + b.
  x = i16x8.shr_u(i16x8.mul(x, i16x8.splat(2561)), 8);
  x = i32x4.dot_i16x8_s(x, i32x4.splat(0x10064));
  x = i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(x, x), i32x4.splat(0x12710));
  let value = <u64>i32x4.extract_lane(x, 0) * 100000000 + <u64>i32x4.extract_lane(x, 1);

  const before = length - 16 - i32(fraction <= 16);
  if (before > 0) {
    const digit = <u64>load<u8>(ptr + before - 1) - 48;
    if ((differsFromZero << 8) << (64 - 8 * before)) return false;
    value += digit * 10000000000000000;
  }
  if (value < 1000000000000000) return true;

  // From here on in units of 2^-44 of the high word of the product. Its lower 20 bits are enough
  // for ten times the weight of the last digit.
  const zeros = clz(value);
  value <<= zeros;
  const product = multiplyByPower(value, -fraction);
  const window = (product << 44) | (productLow >> 20);
  const bits = 10 + (product >> 63); // of the word, below the double's last
  const off = <i64>(window << (20 - bits)) >> (20 - bits);
  const half = <i64>1 << (43 + bits);
  const weight = <i64>(load<u64>(powerOfTen(-fraction)) >> (20 - zeros));
  const down = weight * lastDigit - off;
  const up = weight * 10 - weight * lastDigit + off;
  // A power of two has a narrower interval, but those in range have at most 15 digits and fail the
  // test themselves. In the middle of two doubles, either may be meant. An e for the first of 17
  // digits makes the value so large that up + down, ten times the weight of the last digit, is less
  // than half.
  const unsure = 64;
  return 2 * abs<i64>(off) + unsure < weight && min(down, up) > half + unsure;
}
