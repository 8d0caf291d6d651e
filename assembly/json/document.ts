import { FRAME_BYTES, FRAMES } from './layout';
import { blanks, move, openShift, put, shift } from './compact';
import {
  drop, lastNameEnd, learnLast, leaveOut, mark, openMembers, push, pushKnown, sortMembers,
} from './members';
import { number } from './number-text';
import { outOfMemory, resetRegion } from './region';
import {
  continueAt, current, endText, makeReference, nextPiece, openPieces, openText, rollback,
} from './segments';
import {
  contentOf, elementOf, EXCLUDED, flagsOf, INDIFFERENT, INSIDE, LEADS_INSIDE, memberOf, REFERENCE,
  STARTS, WHOLE,
} from './select';
import { bytesOf, inside as insideOf, isInOrder, nameAt, newPlace, openShapes, placeAfter } from './shapes';
import { openStrings, string } from './string';

/** The results of `document`. */
const REFUSED: u32 = 0;
const OUT_OF_MEMORY: u32 = 1;
const LAST_PIECE: u32 = 2;

/** The zeros behind a text. */
const ZEROS: usize = 64;

/** The options of `document`. */
const BIG_NUMBERS: u32 = 1;
const GROWS: u32 = 2;
const SELECTS: u32 = 4;
/** An `include` path must match. */
const INCLUDES: u32 = 8;
/** Integers beyond 2^53 - 1 keep their digits. */
const DIGITS: u32 = 16;

/** The fate of a value at its end: kept, excluded, or replaced by a reference. */
const STAYS: u32 = 0;
const LEAVES: u32 = 1;
const REFERS: u32 = 2;

/** The closing character of a container is its opening character plus 2. */
const BRACE: u32 = 0x7b;
const BRACKET: u32 = 0x5b;

/** Reads `true`, `false` or `null` at `at`; `word` is its first four letters. */
function literal(at: usize, word: u32, byteCount: usize): usize {
  if (load<u32>(at) != word) return 0;
  move(at, at + byteCount);
  return at + byteCount;
}

/**
 * Makes the JSON text of `byteCount` bytes canonical in place (RFC 8785), and prepares the first
 * piece of the output. `prefixBytes` bytes before the text are output first. Returns LAST_PIECE, or
 * LAST_PIECE + 1 if there are more pieces. Returns REFUSED for any text that is not I-JSON (RFC
 * 7493) or violates the `options`; JavaScript then finds the mistake.
 *
 * Open containers are on an explicit stack at FRAMES. The innermost one is in local variables.
 */
export function document(
  prefix: usize,
  prefixBytes: usize,
  byteCount: usize,
  maxDepth: u32,
  options: u32,
): u32 {
  let at = prefix + prefixBytes;
  const end = at + byteCount;
  // No value accepts a zero byte, so the loops need no check for the end. More of them fill the last
  // vectors of the text.
  for (let i: usize = 0; i < ZEROS; i += 16) v128.store(end + i, i8x16.splat(0));
  openShift();
  openStrings(end);
  openMembers();
  openShapes();
  resetRegion((end + 143) & ~15, (options & GROWS) != 0);
  openText(prefix);

  const asDouble = (options & BIG_NUMBERS) != 0;
  const keepsDigits = (options & DIGITS) != 0;
  const frameLimit = FRAMES + <usize>maxDepth * FRAME_BYTES;
  let frame = FRAMES;
  let close: u32 = 0;
  /** The character before the next member or element: the brace or bracket, then a comma. */
  let separator: u32 = 0;
  let first: usize = 0;
  let isOrdered = true;
  /** Where the shape of the object goes on, or those of the elements begin; 0 if not remembered. */
  let place: usize = 0;
  let state: usize = options & SELECTS ? WHOLE : 0;
  let index: u32 = 0;
  let fate = STAYS;
  /** The start of a value that is excluded or becomes a reference. */
  let fateStart: usize = 0;
  let fateSegment: usize = 0;
  let hasIncluded = (options & INCLUDES) == 0;

  while (true) {
    let byte: u32 = load<u8>(at);
    if (byte <= 0x20) {
      at = blanks(at);
      byte = load<u8>(at);
    }
    /** The position of the separator: the place of the one that was read. */
    let head = at - shift - 1;
    let nameBytes: usize = 0;
    if (close == BRACE + 2) {
      if (byte != 0x22) return REFUSED;
      const known: usize = place == 0 ? 0 : nameAt(place, at);
      if (known != 0) {
        nameBytes = bytesOf(known);
        move(at, at + nameBytes);
        at += nameBytes;
        if (!pushKnown(known, head + 1)) return OUT_OF_MEMORY;
        isOrdered = isInOrder(known);
        place = placeAfter(known);
      } else {
        const from = at;
        at = string(at);
        if (at == 0) return REFUSED;
        nameBytes = at - shift - head - 1;
        const order = push(first, isOrdered, head + 1, nameBytes);
        if (order >= 0) {
          if (order == 0) return outOfMemory ? OUT_OF_MEMORY : REFUSED;
          isOrdered = false;
        }
        if (place != 0) {
          // Another spelling of a name would be learned each time.
          const name = at - from == nameBytes ? learnLast(place, first, isOrdered) : 0;
          place = name == 0 ? 0 : placeAfter(name);
        }
      }
      byte = load<u8>(at);
      if (byte <= 0x20) {
        at = blanks(at);
        byte = load<u8>(at);
      }
      if (byte != 0x3a) return REFUSED;
      put(at++, 0x3a);
      byte = load<u8>(at);
      if (byte <= 0x20) {
        at = blanks(at);
        byte = load<u8>(at);
      }
    }

    let inside: usize = 0;
    if (state != 0) {
      let next = state;
      if (close == BRACE + 2) next = memberOf(state, head + 1, nameBytes);
      else if (close != 0) next = elementOf(state, index++);
      const flags = flagsOf(next);
      const isContainer = (byte | 0x20) == BRACE;
      if (
        close != 0 &&
        ((flags & EXCLUDED) != 0 ||
          ((flags & INSIDE) == 0 && !((flags & LEADS_INSIDE) != 0 && isContainer)))
      ) {
        fate = LEAVES;
        fateStart = head;
        fateSegment = current;
        if (close == BRACE + 2) leaveOut();
      } else {
        if (flags & STARTS) hasIncluded = true;
        if (flags & REFERENCE) {
          fate = REFERS;
          fateStart = at - shift;
          fateSegment = current;
          next = contentOf(next);
        }
        if ((flagsOf(next) & INDIFFERENT) == 0) inside = next;
      }
    }
    const isLater = separator == 0x2c;
    if (close != 0 && fate != LEAVES) {
      store<u8>(head, <u8>separator);
      separator = 0x2c;
    }

    if (byte == 0x22) {
      at = string(at);
    } else if (byte == BRACE || byte == BRACKET) {
      if (frame == frameLimit) return REFUSED;
      at++;
      let next: u32 = load<u8>(at);
      if (next <= 0x20) {
        at = blanks(at);
        next = load<u8>(at);
      }
      if (next != byte + 2) {
        store<u8>(frame, <u8>close);
        store<u8>(frame, <u8>separator, 1);
        store<u8>(frame, <u8>isOrdered, 2);
        store<u8>(frame, <u8>fate, 3);
        store<u32>(frame, <u32>first, 4);
        store<u32>(frame, <u32>state, 8);
        store<u32>(frame, index, 12);
        store<u32>(frame, <u32>fateStart, 16);
        store<u32>(frame, <u32>fateSegment, 20);
        if (close == BRACE + 2) {
          store<u32>(frame, <u32>place, 24);
          place = insideOf(place);
        } else {
          // Objects of an array are remembered from the second on.
          if (place == 0 && isLater) place = newPlace();
          store<u32>(frame, <u32>place, 24);
        }
        frame += FRAME_BYTES;
        close = byte + 2;
        separator = byte;
        isOrdered = true;
        fate = STAYS;
        first = mark();
        state = inside;
        index = 0;
        continue;
      }
      store<u8>(at - shift - 1, <u8>byte);
      put(at++, next);
    } else if (byte == 0x74) {
      at = literal(at, 0x65757274, 4); // true
    } else if (byte == 0x6e) {
      at = literal(at, 0x6c6c756e, 4); // null
    } else if (byte == 0x66) {
      at = load<u8>(at, 4) == 0x65 ? literal(at, 0x736c6166, 5) : 0; // false
    } else {
      at = number(at, asDouble, keepsDigits);
    }
    if (at == 0) return REFUSED;

    // The value has ended, and perhaps its containers, too.
    while (true) {
      if (fate != STAYS) {
        if (fate == REFERS) {
          makeReference(fateSegment, fateStart, at);
        } else if (close == BRACE + 2) {
          // The name stays in memory, outside the output, to be compared with those of later
          // members.
          const nameEnd = lastNameEnd();
          rollback(fateSegment, nameEnd, at);
          continueAt(fateSegment, fateStart, nameEnd);
        } else {
          rollback(fateSegment, fateStart, at);
        }
        fate = STAYS;
      }
      byte = load<u8>(at);
      if (byte <= 0x20) {
        at = blanks(at);
        byte = load<u8>(at);
      }
      if (byte == 0x2c) {
        if (close == 0) return REFUSED;
        at++;
        break;
      }
      if (close == 0) {
        if (at != end) return REFUSED;
        if (outOfMemory) return OUT_OF_MEMORY;
        if (!hasIncluded) return REFUSED;
        endText(at - shift);
        openPieces(at - shift - prefix);
        return LAST_PIECE + u32(nextPiece());
      }
      if (byte != close) return REFUSED;
      if (!isOrdered && !sortMembers(first, place, BRACE, at - shift)) {
        return outOfMemory ? OUT_OF_MEMORY : REFUSED;
      }
      drop(first);
      if (separator != 0x2c) {
        // No member or element was selected.
        shift--;
        store<u8>(at - shift - 1, <u8>separator);
      }
      put(at++, close);
      frame -= FRAME_BYTES;
      close = load<u8>(frame);
      separator = load<u8>(frame, 1);
      isOrdered = load<bool>(frame, 2);
      fate = load<u8>(frame, 3);
      first = load<u32>(frame, 4);
      state = load<u32>(frame, 8);
      index = load<u32>(frame, 12);
      fateStart = load<u32>(frame, 16);
      fateSegment = load<u32>(frame, 20);
      place = load<u32>(frame, 24);
    }
  }
}
