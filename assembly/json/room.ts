import { GATHER } from './layout';

/**
 * Memory behind the document, handed out upwards and never taken back: all of it is free when the
 * next document begins.
 */
let top: usize = 0;
let limit: usize = 0;
let mayGrow = false;
/** Whether there was no more: what was written since is void. */
export let isFull = false;

/** What is handed out in one piece to many small takers. */
const BLOCK_BYTES: usize = 0x10000;
let next: usize = 0;
let blockEnd: usize = 0;

/** Begins anew at `from`. Only an instance whose memory JavaScript keeps no views of may grow. */
export function openRoom(from: usize, grows: bool): void {
  top = from;
  limit = <usize>memory.size() << 16;
  mayGrow = grows;
  isFull = false;
  next = blockEnd = 0;
}

/** `byteCount` fresh bytes. When there are none, bytes that do no harm, if they are few. */
export function takeRoom(byteCount: usize): usize {
  if (byteCount > limit - top) {
    const wanted = <i32>((byteCount - (limit - top)) >> 16) + 1;
    // A little more each time, so that a large document does not grow in small steps.
    if (!mayGrow || (memory.grow(wanted + (memory.size() >> 3)) < 0 && memory.grow(wanted) < 0)) {
      isFull = true;
      return GATHER;
    }
    limit = <usize>memory.size() << 16;
  }
  top += byteCount;
  return top - byteCount;
}

/** The same of a few bytes. */
export function takeBytes(byteCount: usize): usize {
  if (byteCount > blockEnd - next) {
    next = takeRoom(BLOCK_BYTES);
    blockEnd = next + BLOCK_BYTES;
  }
  next += byteCount;
  return next - byteCount;
}
