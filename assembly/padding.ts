import { bigEndian } from './sha256';

/**
 * FIPS 180-4 §5.1.1: writes 0x80, zeros and the message length in bits behind the last
 * `pendingBytes` (0 to 63) bytes of a message, which begin at `ptr`. Returns the number of blocks
 * of the padded end: one, or two if the length does not fit behind the message.
 *
 * The message is padded in place, so `ptr` needs 128 bytes of space. Up to 15 bytes behind the last
 * block are overwritten, because vector stores avoid the call of `memory.fill`.
 */
export function pad(ptr: usize, pendingBytes: usize, lengthBytes: u64): u32 {
  const blockCount: u32 = pendingBytes < 56 ? 1 : 2;
  const end = ptr + (<usize>blockCount << 6);
  let at = ptr + pendingBytes;
  store<u8>(at++, 0x80);
  for (; at < end; at += 16) v128.store(at, i32x4.splat(0));
  store<u64>(end - 8, bswap(lengthBytes << 3));
  return blockCount;
}

/**
 * Converts words from native byte order to the big-endian one of the standards and back, four at a
 * time.
 */
export function swapWords(from: usize, to: usize, byteCount: usize): void {
  for (let i: usize = 0; i < byteCount; i += 16) v128.store(to + i, bigEndian(v128.load(from + i)));
}
