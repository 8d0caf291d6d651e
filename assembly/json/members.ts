import { compareNames } from './names';
import { GATHER } from './layout';
import { continueAt, current, endText, newSegment } from './segments';
import { allocate, allocateSmall, outOfMemory } from './region';
import { bytesOf, lastName, learn, orderOf, setOrder, sortNumberOf } from './shapes';

/**
 * The members of all open objects, the innermost object last: a stack of records. A record is
 *     0  the first eight bytes of the name as one big-endian number, which orders most names
 *     8  the address of the member: its separator, followed by the quote of its name
 *    12  the length of the name with its quotes
 *    16  the segment in which the member begins; during sorting, its own first segment
 *    20  LEFT_OUT for an excluded member; during sorting, its last segment
 */
const RECORD_BYTES: usize = 24;
const START: usize = 8;
const NAME_BYTES: usize = 12;
const SEGMENT: usize = 16;
const FATE: usize = 20;
const LEFT_OUT: u32 = 1;
/** While members are moved: their indexes and ends. */
const INDEX: usize = 16;
const END: usize = 20;

let base: usize = 0;
let end: usize = 0;
/** The end of the last record. */
export let top: usize = 0;
let hasDuplicates = false;
/** Whether names with the same sort number are sorted later. */
let byNumber = false;

export function openMembers(): void {
  base = top = end = 0;
}

/** The offset of the next record. Offsets stay valid when the stack moves. */
// @ts-ignore: decorator
@inline export function mark(): usize {
  return top - base;
}

/** Makes sure that `byteCount` more bytes fit. */
function reserve(byteCount: usize): void {
  if (byteCount <= end - top) return;
  const used = top - base;
  // More than 1 GiB of records cannot be moved: old and new place would not fit into memory.
  const size =
    used + byteCount < 0x40000000 ? max<usize>(2 * (used + byteCount), 0x4000) : usize.MAX_VALUE;
  const fresh = allocate(size);
  if (outOfMemory) return;
  memory.copy(fresh, base, used);
  base = fresh;
  top = fresh + used;
  end = fresh + size;
}

/**
 * Returns the part of a name after its first `skip` bytes as a number that sorts like the name. The
 * name has `byteCount` bytes with its quotes. Returns 0 if no number can: if the part contains an
 * escape, or may contain characters from U+E000 on.
 */
// @ts-ignore: decorator
@inline function keyOf(name: usize, byteCount: usize, skip: usize): u64 {
  const left = byteCount - 2 - skip;
  let x = load<u64>(name + skip, 1);
  if (left < 8) x &= (<u64>1 << (<u64>left << 3)) - 1;
  const bytes = i64x2.splat(x);
  const odd = v128.or(
    i8x16.eq(bytes, i8x16.splat(0x5c)),
    i8x16.ge_u(bytes, i8x16.splat(<i8>0xee)),
  );
  return v128.any_true(odd) ? 0 : bswap(x);
}

/**
 * Adds a member of the object whose records begin at `first`. Returns -1 if its name follows that of
 * the previous member, 1 if it does not, and 0 for the same name or if there is no memory. Once the
 * members are out of order, it returns -1 for every name.
 */
export function push(first: usize, isOrdered: bool, name: usize, byteCount: usize): i32 {
  reserve(RECORD_BYTES);
  if (outOfMemory) return 0;
  store<u64>(top, keyOf(name, byteCount, 0));
  store<u32>(top, <u32>name - 1, START);
  store<u32>(top, <u32>byteCount, NAME_BYTES);
  store<u32>(top, <u32>current, SEGMENT);
  store<u32>(top, 0, FATE);
  top += RECORD_BYTES;
  return isOrdered && top - base - RECORD_BYTES != first
    ? compare(top - 2 * RECORD_BYTES, top - RECORD_BYTES)
    : -1;
}

/** Adds a member whose name is remembered. Returns whether there is memory. */
export function pushKnown(known: usize, name: usize): bool {
  reserve(RECORD_BYTES);
  if (outOfMemory) return false;
  store<u64>(top, sortNumberOf(known));
  store<u32>(top, <u32>name - 1, START);
  store<u32>(top, <u32>bytesOf(known), NAME_BYTES);
  store<u64>(top, <u64>current, SEGMENT);
  top += RECORD_BYTES;
  return true;
}

/** Remembers the name of the last member at `place`. Returns it, or 0. */
export function learnLast(place: usize, first: usize, isOrdered: bool): usize {
  const last = top - RECORD_BYTES;
  const count = <u32>((last - base - first) / RECORD_BYTES);
  const name = <usize>load<u32>(last, START) + 1;
  return learn(place, name, load<u32>(last, NAME_BYTES), load<u64>(last), count, isOrdered);
}

/** The end of the name of the last member. */
export function lastNameEnd(): usize {
  const last = top - RECORD_BYTES;
  return <usize>load<u32>(last, START) + 1 + load<u32>(last, NAME_BYTES);
}

/** Marks the last member as excluded. */
// @ts-ignore: decorator
@inline export function leaveOut(): void {
  store<u32>(top - RECORD_BYTES, LEFT_OUT, FATE);
}

// @ts-ignore: decorator
@inline export function drop(first: usize): void {
  top = base + first;
}

/** Compares the names of two records. */
// @ts-ignore: decorator
@inline function compare(a: usize, b: usize): i32 {
  const x = load<u64>(a);
  const y = load<u64>(b);
  return x != y && x != 0 && y != 0 ? (x < y ? -1 : 1) : compareInFull(a, b);
}

function compareInFull(a: usize, b: usize): i32 {
  return compareNames(
    <usize>load<u32>(a, START) + 1, load<u32>(a, NAME_BYTES), <usize>load<u32>(b, START) + 1,
  );
}

// @ts-ignore: decorator
@inline function isAfter(a: usize, b: usize): bool {
  const x = load<u64>(a);
  const y = load<u64>(b);
  if (x != y && x != 0 && y != 0) return x > y;
  if (byNumber) return false;
  const order = compareInFull(a, b);
  // Every sorting algorithm compares elements that end up as neighbours, so this finds all
  // duplicates.
  if (order == 0) hasDuplicates = true;
  return order > 0;
}

// @ts-ignore: decorator
@inline function copyRecord(from: usize, to: usize): void {
  const rest = load<u64>(from, 16);
  v128.store(to, v128.load(from));
  store<u64>(to, rest, 16);
}

/** Insertion sort, for few records. `spare` holds the record that is being moved. */
function insert(from: usize, to: usize, spare: usize): void {
  for (let i = from + RECORD_BYTES; i < to; i += RECORD_BYTES) {
    copyRecord(i, spare);
    let j = i;
    for (; j > from && isAfter(j - RECORD_BYTES, spare); j -= RECORD_BYTES) {
      copyRecord(j - RECORD_BYTES, j);
    }
    copyRecord(spare, j);
  }
}

/** Merges the sorted records [a, b) and [b, end) into `out`. */
function merge(a: usize, b: usize, end: usize, out: usize): void {
  const middle = b;
  for (; a < middle || b < end; out += RECORD_BYTES) {
    if (b >= end || (a < middle && !isAfter(a, b))) {
      copyRecord(a, out);
      a += RECORD_BYTES;
    } else {
      copyRecord(b, out);
      b += RECORD_BYTES;
    }
  }
}

/** From this size on, sorted runs are merged: insertion would be quadratic. */
const RUN_BYTES: usize = 16 * RECORD_BYTES;

/**
 * Computes the sort numbers again, from the part of the names behind their common beginning.
 * Reading the names themselves, which are scattered over memory, is the main cost of sorting many
 * members. Returns whether all names have a number.
 */
function skipPrefix(from: usize, to: usize): bool {
  const name = <usize>load<u32>(from, START) + 1;
  let skip: usize = load<u32>(from, NAME_BYTES) - 2;
  for (let record = from + RECORD_BYTES; record < to; record += RECORD_BYTES) {
    const other = <usize>load<u32>(record, START) + 1;
    skip = min(skip, <usize>load<u32>(record, NAME_BYTES) - 2);
    let same: usize = 0;
    while (same < skip && load<u8>(name + same, 1) == load<u8>(other + same, 1)) same++;
    skip = same;
  }
  // Not between a backslash and the character that it escapes.
  while (skip != 0 && load<u8>(name + skip) == 0x5c) skip--;
  let all = true;
  for (let record = from; record < to; record += RECORD_BYTES) {
    const number = keyOf(<usize>load<u32>(record, START) + 1, load<u32>(record, NAME_BYTES), skip);
    store<u64>(record, number);
    if (number == 0) all = false;
  }
  return all;
}

/** A limit of the recursion. Names that are still equal are compared in full. */
const DEEPEST: u32 = 32;

/**
 * From this size on, sort numbers are sorted by their bytes: the results of comparisons are not
 * predictable, which takes twice the time for 10,000 members.
 */
const MANY_BYTES: usize = 128 * RECORD_BYTES;

/** Sorts the records [from, to) by their sort numbers, one byte after the other, the lowest first. */
function sortByBytes(from: usize, to: usize, spare: usize): void {
  const byteCount = to - from;
  let source = from;
  let target = spare;
  for (let digit: usize = 0; digit < 8; digit++) {
    memory.fill(GATHER, 0, 1024);
    for (let record = source; record < source + byteCount; record += RECORD_BYTES) {
      const entry = GATHER + 4 * <usize>load<u8>(record + digit);
      store<u32>(entry, load<u32>(entry) + <u32>RECORD_BYTES);
    }
    if (load<u32>(GATHER + 4 * <usize>load<u8>(source + digit)) == byteCount) continue;
    let next = target;
    for (let entry = GATHER; entry < GATHER + 1024; entry += 4) {
      const size = load<u32>(entry);
      store<u32>(entry, <u32>next);
      next += size;
    }
    for (let record = source; record < source + byteCount; record += RECORD_BYTES) {
      const entry = GATHER + 4 * <usize>load<u8>(record + digit);
      const place: usize = load<u32>(entry);
      copyRecord(record, place);
      store<u32>(entry, <u32>(place + RECORD_BYTES));
    }
    const sorted = target;
    target = source;
    source = sorted;
  }
  if (source != from) memory.copy(from, source, byteCount);
}

/**
 * Sorts the records [from, to). There must be as much space at `spare`. Many records are sorted by
 * their numbers first, and then those with the same number by the rest of their names: a number is
 * eight bytes, and reading names is slow.
 */
function sort(from: usize, to: usize, spare: usize, depth: u32): void {
  const byteCount = to - from;
  const isByNumber = (byteCount > RUN_BYTES || depth != 0) && skipPrefix(from, to) && depth < DEEPEST;
  if (isByNumber && byteCount >= MANY_BYTES) {
    sortByBytes(from, to, spare);
  } else {
    byNumber = isByNumber;
    for (let i: usize = 0; i < byteCount; i += RUN_BYTES) {
      insert(from + i, from + min(i + RUN_BYTES, byteCount), spare);
    }
    for (let run = RUN_BYTES; run < byteCount; run <<= 1) {
      memory.copy(spare, from, byteCount);
      for (let i: usize = 0; i < byteCount; i += 2 * run) {
        const middle = min(i + run, byteCount);
        merge(spare + i, spare + middle, spare + min(middle + run, byteCount), from + i);
      }
    }
  }
  if (!isByNumber) return;
  for (let record = from; record < to; ) {
    const number = load<u64>(record);
    const same = record;
    do record += RECORD_BYTES;
    while (record < to && load<u64>(record) == number);
    if (record - same > RECORD_BYTES) sort(same, record, spare, depth + 1);
  }
}

/** Members of up to this size are moved; longer ones are linked in another order. */
const MOVED_BYTES: usize = 0x400;

/** Copies the member [start, end) to `to`, with `separator` before it. Returns its end. */
// @ts-ignore: decorator
@inline function copyMember(start: usize, end: usize, to: usize, separator: u32): usize {
  const copied = to + (end - start);
  for (let at = to; start < end; start += 16, at += 16) v128.store(at, v128.load(start));
  store<u8>(to, <u8>separator);
  return copied;
}

/**
 * Sorts the members from the record at `first` on. The object ends at `out` and starts with `brace`.
 * `place` is the place behind its last name, or 0. Returns whether all names are different.
 */
export function sortMembers(first: usize, place: usize, brace: u32, out: usize): bool {
  reserve(top - base - first + RECORD_BYTES);
  if (outOfMemory) return false;
  const from = base + first;
  const start: usize = load<u32>(from, START);
  // In another segment than the end, the members are not one text that can be moved.
  if (<usize>load<u32>(from, SEGMENT) != current || out - start > MOVED_BYTES) {
    return linkMembers(from, brace, out);
  }

  let to = GATHER;
  let separator = brace;
  let order: usize = place == 0 ? 0 : orderOf(lastName(place));
  if (order != 0) {
    store<u32>(top, <u32>out, START);
    for (const end = order + (top - from) / RECORD_BYTES; order < end; order++) {
      const record = from + <usize>load<u8>(order) * RECORD_BYTES;
      to = copyMember(load<u32>(record, START), load<u32>(record, RECORD_BYTES + START), to, separator);
      separator = 0x2c;
    }
  } else {
    let end = out;
    let index = (top - from) / RECORD_BYTES;
    if (place != 0) {
      order = allocateSmall((index + 7) & ~7);
      if (outOfMemory) return false;
      setOrder(lastName(place), order);
    }
    for (let record = top - RECORD_BYTES; record >= from; record -= RECORD_BYTES) {
      store<u32>(record, <u32>--index, INDEX);
      store<u32>(record, <u32>end, END);
      end = load<u32>(record, START);
    }
    hasDuplicates = false;
    sort(from, top, top, 0);
    if (hasDuplicates) return false;
    for (let record = from; record < top; record += RECORD_BYTES) {
      if (place != 0) store<u8>(order++, load<u8>(record, INDEX));
      to = copyMember(load<u32>(record, START), load<u32>(record, END), to, separator);
      separator = 0x2c;
    }
  }
  // The last vector ends with the text that is behind the object.
  v128.store(to, v128.load(out));
  for (let at = GATHER, back = start; back < out; at += 16, back += 16) v128.store(back, v128.load(at));
  return true;
}

/** Sorts the records [from, top), and links the segments of the members in that order. */
function linkMembers(from: usize, brace: u32, out: usize): bool {
  endText(out);
  // Each member becomes a list of its own, from the last to the first, so that the segment in each
  // record is still the one in which the member begins.
  let last = current;
  for (let record = top - RECORD_BYTES; record >= from; record -= RECORD_BYTES) {
    if (load<u32>(record, FATE) == LEFT_OUT) continue;
    const start: usize = load<u32>(record, START);
    const segment: usize = load<u32>(record, SEGMENT);
    const fresh = newSegment(start, load<u32>(segment, 4), load<u32>(segment, 8));
    store<u32>(segment, <u32>start, 4);
    store<u32>(record, <u32>fresh, SEGMENT);
    store<u32>(record, <u32>(segment == last ? fresh : last), FATE);
    last = segment;
  }
  hasDuplicates = false;
  sort(from, top, top, 0);
  let separator = brace;
  for (let record = from; record < top; record += RECORD_BYTES) {
    if (load<u32>(record, FATE) == LEFT_OUT) continue;
    store<u32>(last, load<u32>(record, SEGMENT), 8);
    store<u8>(load<u32>(record, START), <u8>separator);
    separator = 0x2c;
    last = load<u32>(record, FATE);
  }
  continueAt(last, load<u32>(last, 4), out);
  return !hasDuplicates;
}
