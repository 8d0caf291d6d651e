import { GATHER, GATHER_BYTES, PIECE } from './layout';
import { shift } from './compact';
import { isFull, takeBytes } from './room';

/**
 * The canonical text as a rope: segments of memory, each with the next. A document whose members
 * are in order is one segment. To sort an object is to link its members anew, and so costs nothing
 * for what is in them.
 *
 * A segment is its start, its end and the next one's address. One that is split keeps its front,
 * so that whoever remembers where a member begins by its segment and address stays right.
 */
const SEGMENT_BYTES: usize = 12;

/** The last segment, which grows: its end is not written down yet. */
export let current: usize = 0;
let head: usize = 0;
/** How much of the text is not in the document's own place. */
let elsewhereBytes: usize = 0;

export function newSegment(start: usize, end: usize, next: usize): usize {
  const segment = takeBytes(SEGMENT_BYTES);
  store<u32>(segment, <u32>start, 0);
  store<u32>(segment, <u32>end, 4);
  store<u32>(segment, <u32>next, 8);
  return segment;
}

export function openRope(start: usize): void {
  elsewhereBytes = 0;
  head = current = newSegment(start, start, 0);
}

/** Ends `segment` at `end` and goes on with a new one from `start`. */
export function goOn(segment: usize, end: usize, start: usize): void {
  current = newSegment(start, start, 0);
  store<u32>(segment, <u32>end, 4);
  store<u32>(segment, <u32>current, 8);
}

/** Goes back to `start` in `segment`: what came after never was. */
export function goBack(segment: usize, start: usize, at: usize): void {
  current = segment;
  store<u32>(segment, 0, 8);
  shift = at - start;
}

/** Puts `byteCount` bytes at `text` in place of what was read up to `at` and not written. */
export function putText(text: usize, byteCount: usize, at: usize): void {
  const out = at - shift;
  if (byteCount <= shift) {
    memory.copy(out, text, byteCount);
    shift -= byteCount;
    return;
  }
  // It is longer than what it stands for: it goes elsewhere.
  elsewhereBytes += byteCount;
  const copy = takeBytes(byteCount);
  memory.copy(copy, text, byteCount);
  goOn(current, out, copy);
  goOn(current, copy + byteCount, out);
}

/**
 * Two segments that are no text, told by where they "start": what is between them goes in as its own
 * digest, which is JavaScript's business.
 */
const REFERENCE_BEGINS: u32 = 1;
const REFERENCE_ENDS: u32 = 2;

/** Makes a reference of what stands from `start` in `segment` up to what was written of `at`. */
export function refer(segment: usize, start: usize, at: usize): void {
  const end = at - shift;
  endRope(end);
  const content = newSegment(start, load<u32>(segment, 4), load<u32>(segment, 8));
  const last = segment == current ? content : current;
  store<u32>(segment, <u32>start, 4);
  store<u32>(segment, <u32>newSegment(REFERENCE_BEGINS, REFERENCE_BEGINS, content), 8);
  const mark = newSegment(REFERENCE_ENDS, REFERENCE_ENDS, 0);
  store<u32>(last, <u32>mark, 8);
  goOn(mark, REFERENCE_ENDS, end);
}

export function endRope(end: usize): void {
  store<u32>(current, <u32>end, 4);
}

/** The segments that `nextPiece` has not come to. */
let rest: usize = 0;
let wholeBytes: usize = 0;
const WHOLE_FROM_BYTES: usize = 0x2000;

/**
 * Makes ready for `nextPiece`, with `byteCount` bytes of text in the document's own place. What
 * fits into one piece is gathered, so that it can be digested at once; of anything longer, long
 * segments are handed over where they are.
 */
export function openPieces(byteCount: usize): void {
  rest = head;
  wholeBytes = byteCount + elsewhereBytes <= GATHER_BYTES ? GATHER_BYTES + 1 : WHOLE_FROM_BYTES;
  if (load<u32>(head, 8) == 0) wholeBytes = 0;
}

/**
 * The next piece of the text into PIECE: where it starts, where it ends, and which end of a
 * reference comes behind it, if any. Returns whether there is another after it.
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
