import { DIGEST, STATE } from './layout';
import { pad, swapWords } from './padding';
import { sha1Compress, sha1Init } from './sha1';
import { sha256Compress, sha256Init } from './sha256';

/** Writes the SHA-256 of the `byteCount` bytes at `ptr`, which it pads in place, to DIGEST. */
export function sha256(ptr: usize, byteCount: usize): void {
  const tail = byteCount & ~63;
  const blockCount = pad(ptr + tail, byteCount & 63, byteCount);
  sha256Init(STATE);
  sha256Compress(STATE, ptr, <u32>(tail >> 6) + blockCount);
  swapWords(STATE, DIGEST, 32);
}

/** SHA-1 in three steps, for one message at a time: begin, any number of whole blocks, finish. */
export function sha1Begin(): void {
  sha1Init(STATE);
}

export function sha1Blocks(ptr: usize, blockCount: u32): void {
  sha1Compress(STATE, ptr, blockCount);
}

/**
 * Processes the last `byteCount` of `totalBytes` bytes, which it pads in place. The digest goes to
 * DIGEST.
 */
export function sha1Finish(ptr: usize, byteCount: usize, totalBytes: f64): void {
  const tail = byteCount & ~63;
  const blockCount = pad(ptr + tail, byteCount & 63, <u64>totalBytes);
  sha1Compress(STATE, ptr, <u32>(tail >> 6) + blockCount);
  swapWords(STATE, DIGEST, 20);
}
