import { DIGITS } from '../layout';
import { log2OfPower, multiplyByPower, powerOfTen, productLow } from './powers-of-ten';

/**
 * Writes mantissa × 2^exponent as ECMAScript does: the fewest digits that read back as the same
 * double, and of those the nearest to it (Giulietti, "The Schubfach way to render doubles"). The
 * mantissa is below 2^53 and not zero, and is at least 2^52 unless the exponent is -1074.
 */
export function printBinary(mantissa: u64, exponent: i32, out: usize): usize {
  // A power of two has its lower neighbour at half the distance of the upper one.
  const isClose = mantissa == 1 << 52 && exponent > -1074;
  const isOdd = mantissa & 1;
  // 10^k is the greatest power that is not above the distance of the neighbours.
  let k = (exponent * 1262611 - (isClose ? 524031 : 0)) >> 22;
  const shift = exponent + log2OfPower(-k) + 7;

  // The value in units of 10^k / 64, and half the distance of its neighbours, each a word and a
  // fraction. No number to compare with comes nearer than 44 units of the fraction to where it is
  // not (by continued fractions, over all exponents), and errors are below 3: so with 3 added, a
  // fraction of at most 6 is none at all. It is kept as the word's lowest bit.
  const word = multiplyByPower(mantissa << shift, -k);
  const fraction = productLow + 3;
  const value = word + u64(fraction < 3);
  const power = powerOfTen(-k);
  const high = load<u64>(power) >> (65 - shift);
  const low = (load<u64>(power) << (shift - 1)) | (load<u64>(power, 8) >> (65 - shift));
  const above = fraction + low;
  const upper = fold(value + high + u64(above < low), above) - isOdd;
  const lowHalf = isClose ? (low >> 1) | (high << 63) : low;
  const lower = fold(value - (isClose ? high >> 1 : high) - u64(fraction < lowHalf), fraction - lowHalf) + isOdd;

  let digits = value / 640;
  const isDown = lower <= digits * 640;
  if (isDown != digits * 640 + 640 <= upper) {
    digits += u64(!isDown);
    k++;
  } else {
    digits = value >> 6;
    const isDown = lower <= digits << 6;
    const isUp = (digits << 6) + 64 <= upper;
    // Half to even; nothing is both half and in need of a fraction.
    if (isDown == isUp ? (fold(value, fraction) & 63) + (digits & 1) > 32 : isUp) digits++;
  }
  return printDecimal(digits, k, out);
}

/** The word, odd if there is a fraction. */
// @ts-ignore: decorator
@inline function fold(word: u64, fraction: u64): u64 {
  return word | u64(fraction > 6);
}

/** `value`, below 10^8, as eight digits. */
function eightDigits(value: u32): u64 {
  let x = <u64>(value / 10000) | (<u64>(value % 10000) << 32);
  let tens = ((x * 10486) >> 20) & 0x7f0000007f; // two digits / 100
  x = tens + ((x - tens * 100) << 16);
  tens = ((x * 103) >> 10) & 0xf000f000f000f;
  return (tens + ((x - tens * 10) << 8)) | 0x3030303030303030;
}

/**
 * Writes digits × 10^k, the digits being from 1 to 10^17 - 1, as ECMA-262 Number::toString does, but
 * for digits that are zeros at the end. Up to 40 bytes at `out` are overwritten.
 */
export function printDecimal(digits: u64, k: i32, out: usize): usize {
  const upper = digits / 100000000;
  store<u8>(DIGITS, <u8>(48 + upper / 100000000));
  store<u64>(DIGITS, eightDigits(<u32>(upper % 100000000)), 1);
  store<u64>(DIGITS, eightDigits(<u32>(digits % 100000000)), 9);
  v128.store(DIGITS, i8x16.splat(48), 17);
  v128.store(DIGITS, i8x16.splat(48), 32);
  let first = DIGITS;
  while (load<u8>(first) == 48) first++;
  let last = DIGITS + 16;
  while (load<u8>(last) == 48) last--;

  // n of the standard: where the point is, counted in digits.
  const count = <i32>(last + 1 - first);
  const n = k + <i32>(DIGITS + 17 - first);
  let whole = n;
  if (n > 21 || n < -5) whole = 1;
  else if (n <= 0) {
    store<u64>(out, 0x3030303030302e30); // 0.000000
    out += 2 - n;
    whole = count;
  }
  copyDigits(first, out);
  if (count > whole) {
    copyDigits(first + whole, out + whole + 1);
    store<u8>(out + whole, 46);
    out++;
    if (whole < count) whole = count;
  }
  out += whole;
  if (n > 21 || n < -5) {
    store<u16>(out, n > 0 ? 0x2b65 : 0x2d65); // e+ or e-
    out += 2;
    let exponent = <u32>abs(n - 1);
    if (exponent > 99) {
      store<u8>(out++, <u8>(48 + exponent / 100));
      exponent %= 100;
      store<u8>(out++, <u8>(48 + exponent / 10));
      exponent %= 10;
    } else if (exponent > 9) {
      store<u8>(out++, <u8>(48 + exponent / 10));
      exponent %= 10;
    }
    store<u8>(out++, <u8>(48 + exponent));
  }
  return out;
}

/** Up to 21 digits, and zeros behind them. */
// @ts-ignore: decorator
@inline function copyDigits(from: usize, out: usize): void {
  v128.store(out, v128.load(from));
  store<u64>(out, load<u64>(from, 16), 16);
}
