import {
  DIGEST,
  JOB_BYTES,
  JOB_COUNT,
  JOB_PTR,
  JOB_STATE,
  JOBS,
  SLOT_BYTES,
  SLOT_LENGTH,
  SLOT_PENDING,
  SLOTS,
  STATE,
  TAIL,
} from './layout';
import { runJobs } from './lanes';
import { pad, swapWords } from './padding';
import { sha256Compress, sha256Init } from './sha256';

/**
 * Open SHA-256 hashers. Each uses a slot: the chaining state, the message length in bytes as a
 * 64-bit counter, and the bytes that do not fill a block yet. JavaScript decides which hasher gets
 * which slot.
 */

// @ts-ignore: decorator
@inline export function slotAt(slot: u32): usize {
  return SLOTS + <usize>slot * SLOT_BYTES;
}

export function hasherOpen(slot: u32): void {
  const at = slotAt(slot);
  sha256Init(at);
  store<u64>(at, 0, SLOT_LENGTH);
}

/**
 * Adds `byteCount` to the length and fills the pending block with the first bytes. Returns the
 * address of the remaining bytes.
 */
function fillPending(at: usize, ptr: usize, byteCount: usize): usize {
  const length = load<u64>(at, SLOT_LENGTH);
  store<u64>(at, length + byteCount, SLOT_LENGTH);
  const held = <usize>length & 63;
  if (held == 0) return ptr;
  const pending = at + SLOT_PENDING;
  let room: usize = 64 - held;
  if (byteCount < room) room = byteCount;
  memory.copy(pending + held, ptr, room);
  if (held + room == 64) sha256Compress(at, pending, 1);
  return ptr + room;
}

/**
 * Feeds many hashers, each at most once, and compresses their whole blocks four at a time. A job is
 * the address of the bytes, their number and the slot.
 */
export function hashersUpdate(jobCount: u32): void {
  const end = JOBS + jobCount * JOB_BYTES;
  for (let job = JOBS; job < end; job += JOB_BYTES) {
    let ptr = load<usize>(job, JOB_PTR);
    const last = ptr + load<u32>(job, JOB_COUNT);
    const at = slotAt(load<u32>(job, JOB_STATE));
    ptr = fillPending(at, ptr, last - ptr);
    const blockBytes = (last - ptr) & ~63;
    memory.copy(at + SLOT_PENDING, ptr + blockBytes, (last - ptr) & 63);
    store<usize>(job, ptr, JOB_PTR);
    store<u32>(job, <u32>(blockBytes >> 6), JOB_COUNT);
    store<usize>(job, at, JOB_STATE);
  }
  runJobs(jobCount);
}

/** Writes the digest of all bytes so far to DIGEST. The hasher can be fed further. */
export function hasherDigest(slot: u32): void {
  const at = slotAt(slot);
  const length = load<u64>(at, SLOT_LENGTH);
  memory.copy(STATE, at, 32);
  memory.copy(TAIL, at + SLOT_PENDING, 64);
  sha256Compress(STATE, TAIL, pad(TAIL, <usize>length & 63, length));
  swapWords(STATE, DIGEST, 32);
}

/**
 * Saves a hasher in a portable form: h0 … h7 and the length, big-endian, then the pending bytes.
 * Returns the number of bytes written to `out`, 40 to 103.
 */
export function hasherSave(slot: u32, out: usize): usize {
  const at = slotAt(slot);
  const length = load<u64>(at, SLOT_LENGTH);
  const held = <usize>length & 63;
  swapWords(at, out, 32);
  store<u64>(out, bswap(length), 32);
  memory.copy(out + 40, at + SLOT_PENDING, held);
  return 40 + held;
}

/** The inverse of `hasherSave`. JavaScript has checked the length against the number of bytes. */
export function hasherRestore(slot: u32, saved: usize): void {
  const at = slotAt(slot);
  const length = bswap(load<u64>(saved, 32));
  swapWords(saved, at, 32);
  store<u64>(at, length, SLOT_LENGTH);
  memory.copy(at + SLOT_PENDING, saved + 40, <usize>length & 63);
}
