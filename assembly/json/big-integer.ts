/**
 * Integers of any size: the number of bytes, then 32-bit words, the lowest first.
 *
 * Computes integer = integer × base^exponent + addend. The base is at most 10; the addend is below
 * base^exponent, or zero. It multiplies by as many factors at once as fit into a word. Nothing
 * happens if the exponent is not positive.
 */
export function multiply(integer: usize, base: u64, exponent: i32, addend: u64): void {
  while (exponent > 0) {
    let factor: u64 = 1;
    for (; factor < 0x20000000 && exponent > 0; exponent--) factor *= base;
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
      addend = 0;
    }
  }
}
