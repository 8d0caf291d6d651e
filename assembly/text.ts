import { DIGEST, TEXT } from './layout';

/** Writes sixteen bytes as 32 lower-case hexadecimal digits to `out`. */
export function hex16(bytes: usize, out: usize): void {
  const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
  const x = v128.load(bytes);
  const high = i8x16.swizzle(digits, i8x16.shr_u(x, 4));
  const low = i8x16.swizzle(digits, v128.and(x, i8x16.splat(15)));
  const first = v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const last = v128.shuffle<u8>(
    high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
  );
  v128.store(out, first, 0);
  v128.store(out, last, 16);
}

/** Writes DIGEST as 64 hexadecimal digits to TEXT. */
export function digestHex(): void {
  hex16(DIGEST, TEXT);
  hex16(DIGEST + 16, TEXT + 32);
}

/** Writes the first sixteen bytes of DIGEST as a version 5 UUID to TEXT (RFC 9562 §5.5 and §4). */
export function digestUuid(): void {
  store<u8>(DIGEST, (load<u8>(DIGEST, 6) & 0x0f) | 0x50, 6);
  store<u8>(DIGEST, (load<u8>(DIGEST, 8) & 0x3f) | 0x80, 8);
  // 8-4-4-4-12 digits: the 32 digits are moved from the right, so that none is overwritten unread.
  hex16(DIGEST, TEXT);
  memory.copy(TEXT + 24, TEXT + 20, 12);
  memory.copy(TEXT + 19, TEXT + 16, 4);
  memory.copy(TEXT + 14, TEXT + 12, 4);
  memory.copy(TEXT + 9, TEXT + 8, 4);
  store<u8>(TEXT, 45, 8);
  store<u8>(TEXT, 45, 13);
  store<u8>(TEXT, 45, 18);
  store<u8>(TEXT, 45, 23);
}
