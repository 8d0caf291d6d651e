/** Returns a number that orders the UTF-16 code unit that begins at `at` in a canonical name. */
function unit(at: usize): i32 {
  const byte = <i32>load<u8>(at);
  if (byte == 0x22) return -1; // the end
  // Characters beyond U+FFFF (F0…F4) begin with a surrogate, which sorts before U+E000…U+FFFF (EE,
  // EF).
  if (byte != 0x5c) return byte == 0xee || byte == 0xef ? byte + 16 : byte;
  const letter = <i32>load<u8>(at, 1);
  switch (letter) {
    case 0x62: return 8;
    case 0x74: return 9;
    case 0x6e: return 10;
    case 0x66: return 12;
    case 0x72: return 13;
    case 0x75: {
      const low = <i32>load<u8>(at, 5);
      return ((<i32>load<u8>(at, 4) - 0x30) << 4) + low - (low < 0x3a ? 0x30 : 0x57);
    }
  }
  return letter;
}

/**
 * Compares two canonical names by their UTF-16 code units (RFC 8785 §3.2.3), each with its quotes.
 * Returns a negative number, a positive number, or zero for equal names. `byteCount` is the length
 * of the first name.
 */
export function compareNames(a: usize, byteCount: usize, b: usize): i32 {
  let i: usize = 0;
  for (;;) {
    const other = ~i8x16.bitmask(i8x16.eq(v128.load(a + i), v128.load(b + i))) & 0xffff;
    if (other != 0) {
      i += <usize>ctz(other);
      break;
    }
    i += 16;
    if (i >= byteCount) return 0;
  }
  if (i >= byteCount) return 0;
  // After an odd number of backslashes the names differ inside an escape.
  let from = i;
  while (load<u8>(a + from - 1) == 0x5c) from--;
  i -= (i - from) & 1;
  return unit(a + i) - unit(b + i);
}
