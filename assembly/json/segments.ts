import { GATHER, GATHER_BYTES, PIECE } from './layout';
import { shift } from './compact';
import { allocateSmall, outOfMemory } from './region';

/**
 * The canonical text as a linked list of segments of memory. A document whose members are in order
 * is one segment. A small object that is in one segment is sorted there. In any other object,
 * sorting links the segments of the members in another order and copies no text.
 *
 * A segment is its start, its end and the address of the next one. Splitting a segment keeps its
 * front, so a member that was noted by segment and address stays valid.
 */
const SEGMENT_BYTES: usize = 12;

/** The last segment, which grows. Its end is not stored yet. */
export let current: usize = 0;
let head: usize = 0;
/** Bytes of text outside the memory of the document. */
let copiedBytes: usize = 0;

export function newSegment(start: usize, end: usize, next: usize): usize {
  const segment = allocateSmall(SEGMENT_BYTES);
  store<u32>(segment, <u32>start, 0);
  store<u32>(segment, <u32>end, 4);
  store<u32>(segment, <u32>next, 8);
  return segment;
}

export function openText(start: usize): void {
  copiedBytes = 0;
  head = current = newSegment(start, start, 0);
}

/** Ends `segment` at `end`, and continues the text in a new one from `start`. */
export function continueAt(segment: usize, end: usize, start: usize): void {
  current = newSegment(start, start, 0);
  store<u32>(segment, <u32>end, 4);
  store<u32>(segment, <u32>current, 8);
}

/** Goes back to `start` in `segment`, and discards the text after it. */
export function rollback(segment: usize, start: usize, at: usize): void {
  current = segment;
  store<u32>(segment, 0, 8);
  shift = at - start;
}

/** Writes `byteCount` bytes at `text` in place of the unwritten text up to `at`. */
export function putText(text: usize, byteCount: usize, at: usize): void {
  const out = at - shift;
  if (byteCount <= shift) {
    memory.copy(out, text, byteCount);
    shift -= byteCount;
    return;
  }
  // It is longer than the text that it replaces, so it is stored elsewhere.
  copiedBytes += byteCount;
  const copy = allocateSmall(byteCount);
  memory.copy(copy, text, byteCount);
  continueAt(current, out, copy);
  continueAt(current, copy + byteCount, out);
}

/**
 * Two marks that are no text, recognized by their "start". JavaScript replaces the text between
 * them by its digest.
 */
const REFERENCE_BEGINS: u32 = 1;
const REFERENCE_ENDS: u32 = 2;

/** Makes a reference of the text from `start` in `segment` up to the output position of `at`. */
export function makeReference(segment: usize, start: usize, at: usize): void {
  const end = at - shift;
  endText(end);
  const content = newSegment(start, load<u32>(segment, 4), load<u32>(segment, 8));
  const last = segment == current ? content : current;
  store<u32>(segment, <u32>start, 4);
  store<u32>(segment, <u32>newSegment(REFERENCE_BEGINS, REFERENCE_BEGINS, content), 8);
  const mark = newSegment(REFERENCE_ENDS, REFERENCE_ENDS, 0);
  store<u32>(last, <u32>mark, 8);
  continueAt(mark, REFERENCE_ENDS, end);
}

export function endText(end: usize): void {
  store<u32>(current, <u32>end, 4);
}

/** The segments that `nextPiece` has not reached. */
let rest: usize = 0;
let wholeBytes: usize = 0;
const WHOLE_FROM_BYTES: usize = 0x2000;

/**
 * Prepares `nextPiece`, with `byteCount` bytes of text in the memory of the document. Text that
 * fits into one piece is copied together, to be digested at once. In longer text, long segments are
 * passed on in place.
 */
export function openPieces(byteCount: usize): void {
  rest = head;
  wholeBytes = byteCount + copiedBytes <= GATHER_BYTES ? GATHER_BYTES + 1 : WHOLE_FROM_BYTES;
  if (load<u32>(head, 8) == 0) wholeBytes = 0;
}

/**
 * Writes the next piece of the text to PIECE: its start, its end, and the mark of a reference that
 * follows it, if any. Returns whether there is another piece after it.
 */
export function nextPiece(): bool {
  let out = GATHER;
  let mark: usize = 0;
  for (; rest != 0; rest = load<u32>(rest, 8)) {
    let from: usize = load<u32>(rest);
    if (from <= REFERENCE_ENDS) {
      mark = from;
      rest = load<u32>(rest, 8);
      break;
    }
    const end: usize = load<u32>(rest, 4);
    const byteCount = end - from;
    const isWhole = byteCount >= wholeBytes;
    if (isWhole ? out != GATHER : byteCount > GATHER + GATHER_BYTES - out) break;
    if (isWhole) {
      rest = load<u32>(rest, 8);
      putPiece(from, end, 0);
      return rest != 0;
    }
    const to = out + byteCount;
    for (; from < end; from += 16, out += 16) v128.store(out, v128.load(from));
    out = to;
  }
  putPiece(GATHER, out, mark);
  return rest != 0;
}

// @ts-ignore: decorator
@inline function putPiece(start: usize, end: usize, mark: usize): void {
  store<u32>(PIECE, <u32>start);
  store<u32>(PIECE, <u32>end, 4);
  store<u32>(PIECE, <u32>mark, 8);
}
