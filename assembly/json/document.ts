import { FRAME_BYTES, FRAMES } from './layout';
import { blanks, move, openShift, put, shift } from './compact';
import { drop, lastNameEnd, leaveOut, mark, openMembers, push, sortMembers } from './members';
import { number } from './number-text';
import { isFull, openRoom } from './room';
import { current, endRope, goBack, goOn, nextPiece, openPieces, openRope, refer } from './rope';
import {
  contentOf, elementOf, EXCLUDED, flagsOf, INDIFFERENT, INSIDE, LEADS_INSIDE, memberOf, REFERENCE,
  STARTS, WHOLE,
} from './select';
import { string } from './string';

/** What `document` says. */
const REFUSED: u32 = 0;
const NO_ROOM: u32 = 1;
const LAST_PIECE: u32 = 2;

/** What `document` is asked for. */
const BIG_NUMBERS: u32 = 1;
const GROWS: u32 = 2;
const SELECTS: u32 = 4;
/** Something must be included for there to be a key. */
const INCLUDES: u32 = 8;

/** What becomes of a value when it ends. */
const STAYS: u32 = 0;
const LEAVES: u32 = 1;
const REFERS: u32 = 2;

/** A container closes with the character two after the one that opens it. */
const BRACE: u32 = 0x7b;
const BRACKET: u32 = 0x5b;

/** `true`, `false` or `null` at `at`, of which `word` are the first four letters. */
function literal(at: usize, word: u32, byteCount: usize): usize {
  if (load<u32>(at) != word) return 0;
  move(at, at + byteCount);
  return at + byteCount;
}

/**
 * Makes the JSON text of `byteCount` bytes canonical where it lies (RFC 8785), and its first piece
 * ready; `prefixBytes` bytes before the text go before it. Returns LAST_PIECE, or one more if there
 * are more pieces. REFUSED is for all that is not I-JSON (RFC 7493) or not within `options`:
 * JavaScript finds out what it is.
 *
 * Open containers are on a stack of their own, at FRAMES, and what is known of the innermost one in
 * locals.
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
  // Nothing accepts a zero, so that nothing needs to look for the end.
  store<u8>(end, 0);
  openShift();
  openMembers();
  openRoom((end + 143) & ~15, (options & GROWS) != 0);
  openRope(prefix);

  const asDouble = (options & BIG_NUMBERS) != 0;
  const frameLimit = FRAMES + <usize>maxDepth * FRAME_BYTES;
  let frame = FRAMES;
  let close: u32 = 0;
  /** What goes before the next member or element: the brace or bracket, then commas. */
  let separator: u32 = 0;
  let first: usize = 0;
  let isOrdered = true;
  let state: usize = options & SELECTS ? WHOLE : 0;
  let index: u32 = 0;
  let fate = STAYS;
  /** Where a value that does not stay begins. */
  let fateStart: usize = 0;
  let fateSegment: usize = 0;
  let hasIncluded = (options & INCLUDES) == 0;

  while (true) {
    let byte: u32 = load<u8>(at);
    if (byte <= 0x20) {
      at = blanks(at);
      byte = load<u8>(at);
    }
    /** Where the separator goes: the place of the one that was read. */
    let head = at - shift - 1;
    let nameBytes: usize = 0;
    if (close == BRACE + 2) {
      if (byte != 0x22) return REFUSED;
      at = string(at);
      if (at == 0) return REFUSED;
      nameBytes = at - shift - head - 1;
      const order = push(first, isOrdered, head + 1, nameBytes);
      if (order >= 0) {
        if (order == 0) return isFull ? NO_ROOM : REFUSED;
        isOrdered = false;
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
      at = number(at, asDouble);
    }
    if (at == 0) return REFUSED;

    // The value has ended, and perhaps the containers around it.
    while (true) {
      if (fate != STAYS) {
        if (fate == REFERS) {
          refer(fateSegment, fateStart, at);
        } else if (close == BRACE + 2) {
          // Its name remains, unseen, for the members to come to be compared with.
          const nameEnd = lastNameEnd();
          goBack(fateSegment, nameEnd, at);
          goOn(fateSegment, fateStart, nameEnd);
        } else {
          goBack(fateSegment, fateStart, at);
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
        if (isFull) return NO_ROOM;
        if (!hasIncluded) return REFUSED;
        endRope(at - shift);
        openPieces(at - shift - prefix);
        return LAST_PIECE + u32(nextPiece());
      }
      if (byte != close) return REFUSED;
      if (!isOrdered && !sortMembers(first, BRACE, at - shift)) return isFull ? NO_ROOM : REFUSED;
      drop(first);
      if (separator != 0x2c) {
        // Nothing of it was selected.
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
    }
  }
}
