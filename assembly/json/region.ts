import { GATHER } from './layout';

/**
 * A region allocator for the memory behind the document. It only moves upwards; the next document
 * starts again at the beginning.
 */
let top: usize = 0;
let limit: usize = 0;
let mayGrow = false;
/** Whether an allocation has failed. Then the output is invalid. */
export let outOfMemory = false;

/** Block size for small allocations. */
const BLOCK_BYTES: usize = 0x10000;
let next: usize = 0;
let blockEnd: usize = 0;

/** Starts again at `from`. Memory may only grow if JavaScript keeps no views of it. */
export function resetRegion(from: usize, grows: bool): void {
  top = from;
  limit = <usize>memory.size() << 16;
  mayGrow = grows;
  outOfMemory = false;
  next = blockEnd = 0;
}

/** Returns `byteCount` new bytes. On failure it returns memory that may be overwritten a little. */
export function allocate(byteCount: usize): usize {
  if (byteCount > limit - top) {
    const wanted = <i32>((byteCount - (limit - top)) >> 16) + 1;
    // An eighth more each time, so that a large document does not grow in small steps.
    if (!mayGrow || (memory.grow(wanted + (memory.size() >> 3)) < 0 && memory.grow(wanted) < 0)) {
      outOfMemory = true;
      return GATHER;
    }
    limit = <usize>memory.size() << 16;
  }
  top += byteCount;
  return top - byteCount;
}

/** Like `allocate`, for a few bytes. */
export function allocateSmall(byteCount: usize): usize {
  if (byteCount > blockEnd - next) {
    next = allocate(BLOCK_BYTES);
    blockEnd = next + BLOCK_BYTES;
  }
  next += byteCount;
  return next - byteCount;
}
