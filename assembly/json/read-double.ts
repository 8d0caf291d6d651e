import { LEFT } from './layout';
import { multiply } from './big-integer';
import { compareToHalfway } from './halfway';
import { LEAST_POWER, log2OfPower, multiplyByPower, powerOfTen, productLow } from './powers-of-ten';

/** The number of digits that always fits into 64 bits. */
const FIRST_DIGITS: i32 = 19;
/**
 * The middle between two doubles has at most 767 significant digits. For all digits after that it
 * only matters whether one of them is not zero.
 */
const DIGITS_THAT_MATTER: i32 = 780;
/** Larger than any number of digits can compensate for. */
const FAR: i64 = 1 << 40;

/**
 * The first digits of the decimal. Its value is firstDigits × 10^decimalExponent, plus later
 * digits.
 */
export let firstDigits: u64 = 0;
export let decimalExponent: i64 = 0;
/** The number of digits, up to DIGITS_THAT_MATTER. LEFT has the digits behind the first ones. */
let digitCount: i32 = 0;
let chunk: u64 = 0;
let chunkDigits: i32 = 0;

/** Reads the number [ptr, end). */
export function readDecimal(ptr: usize, end: usize): void {
  let value: u64 = 0;
  let count: i32 = 0;
  let exponent: i64 = 0;
  let behindPoint: i64 = 0;
  chunk = 0;
  chunkDigits = 0;
  store<u32>(LEFT, 0);
  for (; ptr < end; ptr++) {
    let digit = <i32>load<u8>(ptr) - 48;
    if (digit > 9) break; // e or E
    if (digit < 0) {
      behindPoint = i64(digit == -2); // else the sign
      continue;
    }
    exponent -= behindPoint;
    if (count < FIRST_DIGITS) {
      value = value * 10 + digit;
      count += i32(value != 0);
      continue;
    }
    exponent++;
    if (count >= DIGITS_THAT_MATTER) {
      if (digit == 0 || count > DIGITS_THAT_MATTER) continue;
      digit = 1;
    }
    count++;
    chunk = chunk * 10 + digit;
    if (++chunkDigits == 9) appendChunk(value);
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
  firstDigits = value;
  digitCount = count;
  decimalExponent = exponent;
}

function appendChunk(first: u64): void {
  if (load<u32>(LEFT) == 0) {
    store<u32>(LEFT, 8);
    store<u64>(LEFT, first, 4);
  }
  multiply(LEFT, 10, chunkDigits, chunk);
  chunk = 0;
  chunkDigits = 0;
}

/** The exponent of two for the result of `roundToDouble`; 1024 for infinity. */
export let binaryExponent: i32 = 0;

/**
 * Rounds the last decimal, which is not zero, to the nearest double, or to the even one of two.
 * Returns an integer below 2^53, which is at least 2^52 unless binaryExponent is -1074. One product
 * of 64 × 128 bits is nearly always enough (Lemire, "Number parsing at a gigabyte per second").
 */
export function roundToDouble(): u64 {
  binaryExponent = 0;
  if (firstDigits == 0 || decimalExponent < LEAST_POWER) return 0;
  binaryExponent = 1024;
  if (decimalExponent > 308) return 1;
  const k = <i32>decimalExponent;

  // The power is rounded up and the product then down. So the value is above the product minus one,
  // in units of productLow, and past no border that the product has not reached. Further digits can
  // raise it by at most one power.
  const zeros = <i32>clz(firstDigits);
  const product = multiplyByPower(firstDigits << zeros, k);
  const least = product - u64(productLow == 0);
  let most = product;
  const more = digitCount - FIRST_DIGITS;
  if (more > 0) most += (load<u64>(powerOfTen(k)) >> 1 >> (63 - zeros)) + 1;

  let shift = 9 + <i32>(product >> 63);
  let exponent = log2OfPower(k) - zeros + 2 + shift;
  if (exponent < -1074) {
    shift -= 1074 + exponent;
    exponent = -1074;
    if (shift > 63) return (binaryExponent = 0);
  }
  let mantissa = ((least >> shift) + 1) >> 1;
  if (mantissa != ((most >> shift) + 1) >> 1) {
    appendChunk(firstDigits);
    const side = compareToHalfway(more > 0 ? k - more : k, 2 * mantissa + 1, exponent - 1);
    mantissa += u64(side + i32(mantissa & 1) > 0);
  }
  if (mantissa >> 53) {
    mantissa >>= 1;
    exponent++;
  }
  if (exponent > 971) return 1;
  binaryExponent = exponent;
  return mantissa;
}
