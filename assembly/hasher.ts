import {
  DIGEST,
  SLOT_BYTES,
  SLOT_LENGTH,
  SLOT_PENDING,
  SLOTS,
  STATE,
  TAIL,
} from './layout';
import { pad, swapWords } from './padding';
import { sha256Compress, sha256Init } from './sha256';

/**
 * Open SHA-256 hashers. Each lives in a slot: the chaining state, the message length as a 64-bit
 * counter of bytes, and the bytes that do not fill a block yet. Which slot belongs to whom is
 * JavaScript's business.
 */

// @ts-ignore: decorator
@inline function slotAt(slot: u32): usize {
  return SLOTS + <usize>slot * SLOT_BYTES;
}

export function hasherOpen(slot: u32): void {
  const at = slotAt(slot);
  sha256Init(at);
  store<u64>(at, 0, SLOT_LENGTH);
}

export function hasherUpdate(slot: u32, ptr: usize, byteCount: usize): void {
  const at = slotAt(slot);
  const pending = at + SLOT_PENDING;
  const length = load<u64>(at, SLOT_LENGTH);
  store<u64>(at, length + byteCount, SLOT_LENGTH);
  const held = <usize>length & 63;
  if (held != 0) {
    const room: usize = 64 - held;
    if (byteCount < room) {
      memory.copy(pending + held, ptr, byteCount);
      return;
    }
    memory.copy(pending + held, ptr, room);
    sha256Compress(at, pending, 1);
    ptr += room;
    byteCount -= room;
  }
  sha256Compress(at, ptr, <u32>(byteCount >> 6));
  memory.copy(pending, ptr + (byteCount & ~63), byteCount & 63);
}

/** The digest of what was fed so far, into DIGEST; the hasher can go on. */
export function hasherDigest(slot: u32): void {
  const at = slotAt(slot);
  const length = load<u64>(at, SLOT_LENGTH);
  memory.copy(STATE, at, 32);
  memory.copy(TAIL, at + SLOT_PENDING, 64);
  sha256Compress(STATE, TAIL, pad(TAIL, <usize>length & 63, length));
  swapWords(STATE, DIGEST, 8);
}

/**
 * A hasher's state in a portable form: h0 … h7 and the length, big-endian, then the pending bytes.
 * Returns how many bytes it wrote at `out`, 40 to 103.
 */
export function hasherSave(slot: u32, out: usize): usize {
  const at = slotAt(slot);
  const length = load<u64>(at, SLOT_LENGTH);
  const held = <usize>length & 63;
  swapWords(at, out, 8);
  store<u64>(out, bswap(length), 32);
  memory.copy(out + 40, at + SLOT_PENDING, held);
  return 40 + held;
}

/** The inverse of `hasherSave`; JavaScript has checked that the length fits the bytes. */
export function hasherRestore(slot: u32, saved: usize): void {
  const at = slotAt(slot);
  const length = bswap(load<u64>(saved, 32));
  swapWords(saved, at, 8);
  store<u64>(at, length, SLOT_LENGTH);
  memory.copy(at + SLOT_PENDING, saved + 40, <usize>length & 63);
}
