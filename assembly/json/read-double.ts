import { compareToHalfway } from './halfway';
import { LEAST_POWER, log2OfPower, multiplyByPower, powerOfTen, productLow } from './powers-of-ten';

/** A decimal as it was read: `digits` × 10^decimalExponent, if no digit other than 0 was cut off. */
export let digits: u64 = 0;
export let decimalExponent: i32 = 0;
let digitCount: i32 = 0;
let cutOff: bool = false;

/** What integers and exponents of a text shorter than 2^32 are clamped to. */
const FAR: i64 = 1 << 40;

/** Reads the first nineteen significant digits of the number [ptr, end), and its exponent. */
export function readDecimal(ptr: usize, end: usize): void {
  let value: u64 = 0;
  let count: i32 = 0;
  let exponent: i64 = 0;
  let behindPoint: i64 = 0;
  cutOff = false;
  for (; ptr < end; ptr++) {
    const digit = <u32>load<u8>(ptr) - 48;
    if (digit > 9) {
      if (<i32>digit > 9) break; // e or E
      behindPoint = i64(digit == -2); // else the sign
      continue;
    }
    if (count < 19) {
      value = value * 10 + digit;
      count += i32(value != 0);
      exponent -= behindPoint;
    } else {
      cutOff = cutOff || digit != 0;
      exponent += 1 - behindPoint;
    }
  }
  if (++ptr < end) {
    const sign = load<u8>(ptr);
    let written: i64 = 0;
    for (; ptr < end; ptr++) {
      const digit = <u32>load<u8>(ptr) - 48;
      if (digit <= 9 && written < FAR) written = written * 10 + digit;
    }
    exponent += sign == 0x2d ? -written : written;
  }
  digits = value;
  digitCount = count;
  // Beyond these every double is zero or infinite.
  decimalExponent = <i32>max<i64>(min<i64>(exponent, 400), -400);
}

/** The double nearest to a decimal: an integer below 2^53, to be multiplied by 2^binaryExponent. */
export let binaryExponent: i32 = 0;

/**
 * Rounds the decimal just read from [ptr, end), which is not zero, to nearest, ties to even
 * (Lemire, "Number parsing at a gigabyte per second": one product of 64 × 128 bits decides nearly
 * always). Infinity is 1 × 2^1024.
 */
export function roundToDouble(ptr: usize, end: usize): u64 {
  const k = decimalExponent;
  if (k < LEAST_POWER) return 0;
  binaryExponent = 1024;
  if (k > 308) return 1;

  // The value lies between the product less one and the product plus one, in units of productLow;
  // and with digits cut off, up to one power further up.
  const zeros = <i32>clz(digits);
  const product = multiplyByPower(digits << zeros, k);
  const least = product - u64(productLow == 0);
  let most = product + u64(productLow == -1);
  if (cutOff) most += (load<u64>(powerOfTen(k)) >> 1 >> (63 - zeros)) + 1;

  let shift = 10 + <i32>(product >> 63);
  let exponent = log2OfPower(k) - zeros + 1 + shift;
  if (exponent < -1074) {
    shift += -1074 - exponent;
    exponent = -1074;
    if (shift > 64) return 0;
  }
  let mantissa = ((least >> (shift - 1)) + 1) >> 1;
  if (mantissa != ((most >> (shift - 1)) + 1) >> 1) {
    const side = compareToHalfway(ptr, end, digitCount, k, 2 * mantissa + 1, exponent - 1);
    if (side > 0 || (side == 0 && mantissa & 1)) mantissa++;
  }
  if (mantissa >> 53) {
    mantissa >>= 1;
    exponent++;
  }
  if (exponent > 971) return 1;
  binaryExponent = exponent;
  return mantissa;
}
