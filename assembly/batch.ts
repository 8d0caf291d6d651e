import {
  ARENA,
  DIGESTS,
  INPUT,
  JOB_BYTES,
  JOB_COUNT,
  JOB_PTR,
  JOB_STATE,
  JOBS,
  LENGTHS,
  PACKED,
} from './layout';
import { runJobs } from './lanes';
import { pad, swapWords } from './padding';
import { sha256Init } from './sha256';
import { hex16 } from './text';

/**
 * SHA-256 of many messages, which follow each other without gaps from PACKED on. LENGTHS has their
 * lengths; the digests go to DIGESTS.
 *
 * The messages are copied to ARENA with space for their padding. That takes a tenth of the time of
 * joining texts with space between them.
 */
export function digestBatch(messageCount: u32): void {
  let from = PACKED, to = ARENA, state = DIGESTS, job = JOBS;
  for (let length = LENGTHS; length < LENGTHS + (messageCount << 2); length += 4) {
    const byteCount = load<u32>(length);
    for (let i: usize = 0; i < byteCount; i += 16) v128.store(to + i, v128.load(from + i));
    const tail = byteCount & ~63;
    const blockCount = (tail >> 6) + pad(to + tail, byteCount & 63, byteCount);
    sha256Init(state);
    store<usize>(job, to, JOB_PTR);
    store<u32>(job, blockCount, JOB_COUNT);
    store<usize>(job, state, JOB_STATE);
    from += byteCount;
    to += blockCount << 6;
    state += 32;
    job += JOB_BYTES;
  }
  runJobs(messageCount);
  swapWords(DIGESTS, DIGESTS, messageCount << 5);
}

/**
 * Writes DIGESTS as text to ARENA: for each digest the first `prefixBytes` bytes at INPUT (at most
 * 16) and 64 hexadecimal digits, without gaps.
 */
export function batchHex(messageCount: u32, prefixBytes: usize): void {
  const prefix = v128.load(INPUT);
  let out = ARENA;
  for (let i: u32 = 0; i < messageCount << 5; i += 16, out += 32) {
    if ((i & 16) == 0) {
      v128.store(out, prefix);
      out += prefixBytes;
    }
    hex16(DIGESTS + i, out);
  }
}
