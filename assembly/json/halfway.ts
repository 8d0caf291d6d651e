import { LEFT, RIGHT } from '../layout';

/**
 * The exact answer where 128 bits do not tell on which side of the middle between two doubles a
 * decimal lies. The middle has 767 significant digits at most, so that of what follows the first
 * 780 of the text all that matters is whether it is zero; both integers stay below 2^2720.
 *
 * An integer is its byte count, then its 32-bit words, the lowest first.
 */
const DIGITS_THAT_MATTER: i32 = 780;

/** integer = integer × factor + addend, both below 2^32. */
function multiplyAdd(integer: usize, factor: u64, addend: u64): void {
  let at = integer + 4;
  const end = at + load<u32>(integer);
  for (; at < end; at += 4) {
    addend += load<u32>(at) * factor;
    store<u32>(at, <u32>addend);
    addend >>= 32;
  }
  if (addend != 0) {
    store<u32>(at, <u32>addend);
    store<u32>(integer, load<u32>(integer) + 4);
  }
}

/** integer = integer × base^exponent, base being at most 8. */
function multiplyByPowers(integer: usize, base: u64, exponent: i32): void {
  while (exponent > 0) {
    let factor: u64 = 1;
    for (; factor < 0x20000000 && exponent > 0; exponent--) factor *= base;
    multiplyAdd(integer, factor, 0);
  }
}

/**
 * Less than, equal to or greater than zero, as the number [ptr, end) is to odd × 2^binary. Its first
 * `digitCount` significant digits, read as an integer, are to be multiplied by 10^decimal.
 */
export function compareToHalfway(
  ptr: usize, end: usize, digitCount: i32, decimal: i32, odd: u64, binary: i32,
): i32 {
  store<u32>(LEFT, 0);
  store<u32>(RIGHT, 8);
  store<u64>(RIGHT, odd, 4);
  decimal += digitCount;
  let chunk: u64 = 0;
  let scale: u64 = 1;
  let count: i32 = 0;
  for (; ptr < end; ptr++) {
    let digit = <u32>load<u8>(ptr) - 48;
    if (<i32>digit > 9) break; // e or E
    if (digit > 9 || (count == 0 && digit == 0)) continue; // - or . or a zero before the first digit
    if (count >= DIGITS_THAT_MATTER) {
      if (digit == 0) continue;
      digit = 1;
      end = ptr;
    }
    chunk = chunk * 10 + digit;
    scale *= 10;
    count++;
    if (scale == 1000000000) {
      multiplyAdd(LEFT, scale, chunk);
      chunk = 0;
      scale = 1;
    }
  }
  multiplyAdd(LEFT, scale, chunk);
  decimal -= count;

  // digits × 5^decimal × 2^decimal against odd × 2^binary, without fractions.
  multiplyByPowers(LEFT, 5, decimal);
  multiplyByPowers(RIGHT, 5, -decimal);
  multiplyByPowers(LEFT, 2, decimal - binary);
  multiplyByPowers(RIGHT, 2, binary - decimal);
  return compare();
}

/** The sign of LEFT − RIGHT. */
function compare(): i32 {
  let at = load<u32>(LEFT);
  if (at != load<u32>(RIGHT)) return at > load<u32>(RIGHT) ? 1 : -1;
  for (; at != 0; at -= 4) {
    const left = load<u32>(LEFT + at);
    const right = load<u32>(RIGHT + at);
    if (left != right) return left > right ? 1 : -1;
  }
  return 0;
}
