import { LEFT, RIGHT } from './layout';
import { multiply } from './big-integer';

/** The size of LEFT, and of RIGHT behind it. */
const BYTES: usize = RIGHT - LEFT;

/**
 * Decides exactly, where 128 bits are not enough, on which side of the middle between two doubles a
 * decimal lies. Returns 1, 0 or -1 if LEFT × 10^decimal is greater than, equal to or less than odd
 * × 2^binary. Both integers stay below 2^2720.
 */
export function compareToHalfway(decimal: i32, odd: u64, binary: i32): i32 {
  const leftEnd = LEFT + 4 + load<u32>(LEFT);
  memory.fill(leftEnd, 0, RIGHT + BYTES - leftEnd);
  store<u32>(RIGHT, 8);
  store<u64>(RIGHT, odd, 4);
  // Compares LEFT × 5^decimal × 2^decimal with odd × 2^binary, without fractions.
  binary -= decimal;
  multiply(LEFT, 5, decimal, 0);
  multiply(RIGHT, 5, -decimal, 0);
  multiply(LEFT, 2, -binary, 0);
  multiply(RIGHT, 2, binary, 0);

  // Starts with the highest word.
  let at = BYTES - 4;
  while (at > 4 && load<u32>(LEFT + at) == load<u32>(RIGHT + at)) at -= 4;
  const left = load<u32>(LEFT + at);
  const right = load<u32>(RIGHT + at);
  return i32(left > right) - i32(left < right);
}
