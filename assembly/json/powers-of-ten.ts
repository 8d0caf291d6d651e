import { POWERS, RIGHT } from './layout';
import { multiply } from './big-integer';

/**
 * Powers of ten to 128 bits, for reading and printing doubles: 10^k = g × 2^(log2OfPower(k) − 127).
 * The highest bit of g is set, and g is rounded up. As constants they would double the size of the
 * module; computing all of them takes a few microseconds, once.
 */
export const LEAST_POWER: i32 = -342;
const GREATEST_POWER: i32 = 324;

/** ⌊log2(10^k)⌋ for the powers in the table. */
// @ts-ignore: decorator
@inline export function log2OfPower(k: i32): i32 {
  return (k * 217706) >> 16;
}

/** The address of the high half of g for 10^k. The low half is 8 bytes behind it. */
// @ts-ignore: decorator
@inline export function powerOfTen(k: i32): usize {
  return POWERS - (LEAST_POWER << 4) + (k << 4);
}

/**
 * Multiplies 10^-342 by ten repeatedly, and keeps at least the highest 193 bits. 4096 is added in
 * the 192nd bit, which outweighs all truncation: the product stays above the true power by less
 * than 2^-178 of it. So its highest 128 bits are exact if the power has no more bits (0 ≤ k ≤ 55),
 * and otherwise one too small, because no power is that close to the next value.
 */
function fillPowers(): void {
  let integer = RIGHT;
  store<u32>(integer, 24);
  store<u64>(integer, 0xdfbc7e99bdd51e9b, 4);
  store<u64>(integer, 0x113faa2906a13b3f, 12);
  store<u64>(integer, 0xeef453d6923bd65a, 20);
  for (let k = LEAST_POWER; k <= GREATEST_POWER; k++) {
    const byteCount = load<u32>(integer);
    const top = integer + byteCount - 4;
    const shift = clz(load<u64>(top));
    const middle = load<u64>(top - 8);
    store<u64>(powerOfTen(k), (load<u64>(top) << shift) | ((middle >> 1) >> (63 - shift)));
    store<u64>(
      powerOfTen(k),
      ((middle << shift) | ((load<u64>(top - 16) >> 1) >> (63 - shift))) + u64(<u32>k > 55),
      8,
    );
    // Without the lowest word, whose place the byte count takes.
    if (byteCount > 28) store<u32>((integer += 4), byteCount - 4);
    multiply(integer, 10, 1, 0);
  }
}

/** The high half of a × b. The low half is `a * b`. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const low = aHigh * bLow + ((aLow * bLow) >> 32);
  const middle = aLow * bHigh + (low & 0xffffffff);
  return aHigh * bHigh + (low >> 32) + (middle >> 32);
}

/** The low word of x × g for 10^k, in units of 2^64, truncated, so at most one too small. */
export let productLow: u64 = 0;

/** Returns the high word. Fills the table on first use. */
export function multiplyByPower(x: u64, k: i32): u64 {
  const at = powerOfTen(k);
  if (load<u64>(at) == 0) fillPowers();
  const high = load<u64>(at);
  const low = x * high;
  productLow = low + multiplyHigh(x, load<u64>(at, 8));
  return multiplyHigh(x, high) + u64(productLow < low);
}
