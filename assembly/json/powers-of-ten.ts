import { DIGITS, POWERS } from '../layout';

/**
 * Powers of ten to 128 bits, for reading and printing doubles: 10^k = g × 2^(log2(k) − 127), where
 * g has its highest bit set and is rounded up (the same convention in Lemire, "Number parsing at a
 * gigabyte per second", and Giulietti, "The Schubfach way to render doubles"). As constants they
 * would double the module; computing all of them takes a few microseconds, once.
 */
export const LEAST_POWER: i32 = -342;
const GREATEST_POWER: i32 = 324;

/** ⌊log2(10^k)⌋ in the table's range and a little beyond. */
// @ts-ignore: decorator
@inline export function log2OfPower(k: i32): i32 {
  return (k * 217706) >> 16;
}

/** Where the high half of g for 10^k is; the low half is 8 bytes behind it. */
// @ts-ignore: decorator
@inline export function powerOfTen(k: i32): usize {
  const at = POWERS + ((k - LEAST_POWER) << 4);
  if (load<u64>(at) == 0) fillPowers();
  return at;
}

/**
 * A running product of 192 bits, times 5/4 at each step. It starts at 10^-342 with 4096 added in
 * the last place, which outweighs all that the shifts cut off: it stays above the true power by
 * less than 2^-178 of it. So its upper 128 bits are right where the power has no more than those
 * (0 ≤ k ≤ 55), and one too small elsewhere, since no power comes that near to the next value.
 */
function fillPowers(): void {
  let high: u64 = 0xeef453d6923bd65a;
  let middle: u64 = 0x113faa2906a13b3f;
  let low: u64 = 0xdfbc7e99bdd51e9b;
  for (let k = LEAST_POWER; k <= GREATEST_POWER; k++) {
    const at = POWERS + ((k - LEAST_POWER) << 4);
    store<u64>(at, high);
    store<u64>(at, middle + u64(<u32>k > 55), 8);
    let next = low + ((low >> 2) | (middle << 62));
    const added = (middle >> 2) | (high << 62);
    const carry = u64(next < low);
    low = next;
    next = middle + added + carry;
    const carryHigh = u64(next < middle || (carry && next == middle));
    middle = next;
    next = high + (high >> 2) + carryHigh;
    if (next < high) {
      low = (low >> 1) | (middle << 63);
      middle = (middle >> 1) | (next << 63);
      next = (next >> 1) | (1 << 63);
    }
    high = next;
  }
  for (let at = DIGITS; at < DIGITS + 48; at++) store<u8>(at, 48);
}

/** The high half of a × b; the low half is `a * b`. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const low = aHigh * bLow + ((aLow * bLow) >> 32);
  const middle = aLow * bHigh + (low & 0xffffffff);
  return aHigh * bHigh + (low >> 32) + (middle >> 32);
}

/** x × g for 10^k, in units of 2^64 and cut off, which is one short at most: the low word. */
export let productLow: u64 = 0;

/** And its high word. */
export function multiplyByPower(x: u64, k: i32): u64 {
  const at = powerOfTen(k);
  const high = load<u64>(at);
  const low = x * high;
  productLow = low + multiplyHigh(x, load<u64>(at, 8));
  return multiplyHigh(x, high) + u64(productLow < low);
}
