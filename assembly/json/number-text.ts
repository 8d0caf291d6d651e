import { TOKEN } from './layout';
import { move, shift } from './compact';
import { isShortest, reprintNumber } from './number';
import { putText } from './segments';

/** 2^53 - 1: the largest integer that no other integer rounds to. */
const LARGEST: u64 = 9007199254740991;

/** A bit mask of the digits among the sixteen bytes at `at`, the first in the lowest bit. */
// @ts-ignore: decorator
@inline function digitsAt(at: usize): u32 {
  return i8x16.bitmask(
    i8x16.lt_u(i8x16.sub(v128.load(at), i8x16.splat(0x30)), i8x16.splat(10)),
  );
}

function skipDigits(at: usize): usize {
  while (true) {
    const count = <usize>ctz(~digitsAt(at));
    at += count;
    if (count < 16) return at;
  }
}

/**
 * Checks the number at `at` (RFC 8259 §6) and writes it to its output position as ECMAScript prints
 * it. Returns its end. An integer beyond 2^53 - 1 stays as it is with `keepsDigits`. Returns 0 if the
 * number is invalid or infinite, or, without both flags, an integer beyond 2^53 - 1 that is not
 * spelled as its double is printed.
 *
 * Any double reproduces up to fifteen digits in plain notation (RFC 8785 appendix B). Such a number
 * without superfluous characters is copied; most numbers are not parsed at all.
 */
export function number(at: usize, asDouble: bool, keepsDigits: bool): usize {
  const start = at;
  if (load<u8>(at) == 0x2d) at++;
  const digits = digitsAt(at);
  const whole = <usize>ctz(~digits);
  const isZero = load<u8>(at) == 0x30;
  if (whole == 0 || (isZero && whole != 1)) return 0;
  let end = at + whole;
  let next: u32 = load<u8>(end);
  if (next == 0x2e) {
    const places = <usize>ctz(~(digits >> (<u32>whole + 1)));
    end += places + 1;
    next = load<u8>(end);
    if (
      places != 0 && next - 0x30 > 9 && (next | 0x20) != 0x65 && load<u8>(end - 1) != 0x30 &&
      // 0.000001 is the smallest number in plain notation.
      !(isZero && load<u32>(at, 2) == 0x30303030 && load<u16>(at, 6) == 0x3030)
    ) {
      move(start, end);
      return end;
    }
  } else if (whole < 16 && (next | 0x20) != 0x65 && !(isZero && at != start)) {
    move(start, end);
    return end;
  }
  return otherNumber(start, at, asDouble, keepsDigits);
}

/** Handles any other number. Its sign has been read, and it begins with a digit. */
function otherNumber(start: usize, at: usize, asDouble: bool, keepsDigits: bool): usize {
  let end = skipDigits(at);
  let next: u32 = load<u8>(end);
  let isInteger = true;
  if (next == 0x2e) {
    isInteger = false;
    const from = end + 1;
    end = skipDigits(from);
    if (end == from) return 0;
    next = load<u8>(end);
  }
  if ((next | 0x20) == 0x65) {
    isInteger = false;
    end++;
    next = load<u8>(end);
    if (next == 0x2b || next == 0x2d) end++;
    const from = end;
    end = skipDigits(from);
    if (end == from) return 0;
  }
  const isBig = isInteger && isBeyondLargest(at, end);
  if (isBig && keepsDigits) {
    move(start, end);
    return end;
  }
  if (isShortest(start, end)) {
    move(start, end);
    return end;
  }
  const printed = reprintNumber(start, end, TOKEN);
  if (printed == 0) return 0;
  if (isBig && !asDouble && !isSpelled(start, end, printed)) return 0;
  shift += end - start;
  putText(TOKEN, printed - TOKEN, end);
  return end;
}

function isBeyondLargest(at: usize, end: usize): bool {
  if (end - at < 16) return false;
  if (end - at > 16) return true;
  let value: u64 = 0;
  for (; at < end; at++) value = value * 10 + (load<u8>(at) - 0x30);
  return value > LARGEST;
}

/** Whether [start, end) is the text that was printed at TOKEN. */
function isSpelled(start: usize, end: usize, printed: usize): bool {
  return end - start == printed - TOKEN && memory.compare(start, TOKEN, end - start) == 0;
}
