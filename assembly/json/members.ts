import { compareNames } from './names';
import { current, endRope, goOn, newSegment } from './rope';
import { isFull, takeRoom } from './room';

/**
 * The members of all open objects, the innermost's last: a stack of records. A record is where
 * the member begins (its separator, which the quote of its name follows), the length of its name
 * with the quotes, the segment it begins in, and what became of it.
 */
export const RECORD_BYTES: usize = 16;
export const LEFT_OUT: u32 = 1;

let base: usize = 0;
let end: usize = 0;
/** The end of the last record. */
export let top: usize = 0;
let hasTwins = false;

export function openMembers(): void {
  base = top = end = 0;
}

/** Where the records from here on will be, as long as the stack may still move. */
// @ts-ignore: decorator
@inline export function mark(): usize {
  return top - base;
}

/** Makes room for `byteCount` more. */
function reserve(byteCount: usize): void {
  if (byteCount <= end - top) return;
  const used = top - base;
  const size = max<usize>(2 * (used + byteCount), 0x4000);
  const fresh = takeRoom(size);
  if (isFull) return;
  memory.copy(fresh, base, used);
  base = fresh;
  top = fresh + used;
  end = fresh + size;
}

/** Notes the member of the object whose records begin at `first`. Returns 0 if it is not new. */
export function push(first: usize, isOrdered: bool, name: usize, byteCount: usize): i32 {
  reserve(RECORD_BYTES);
  if (isFull) return 0;
  let order = -1;
  if (isOrdered && top - base != first) {
    const last = top - RECORD_BYTES;
    order = compareNames(<usize>load<u32>(last) + 1, load<u32>(last, 4), name);
  }
  store<u32>(top, <u32>name - 1);
  store<u32>(top, <u32>byteCount, 4);
  store<u32>(top, <u32>current, 8);
  store<u32>(top, 0, 12);
  top += RECORD_BYTES;
  return order;
}

/** Where the name of the last member ends. */
export function lastNameEnd(): usize {
  const last = top - RECORD_BYTES;
  return <usize>load<u32>(last) + 1 + load<u32>(last, 4);
}

/** Leaves the last member out. */
// @ts-ignore: decorator
@inline export function leaveOut(): void {
  store<u32>(top - RECORD_BYTES, LEFT_OUT, 12);
}

// @ts-ignore: decorator
@inline export function drop(first: usize): void {
  top = base + first;
}

function isAfter(a: usize, b: usize): bool {
  const order = compareNames(<usize>load<u32>(a) + 1, load<u32>(a, 4), <usize>load<u32>(b) + 1);
  // Sorted neighbours are compared with each other on any way of sorting.
  if (order == 0) hasTwins = true;
  return order > 0;
}

/** Insertion sort, for few; `spare` holds the record that is being placed. */
function insert(from: usize, to: usize, spare: usize): void {
  for (let i = from + RECORD_BYTES; i < to; i += RECORD_BYTES) {
    v128.store(spare, v128.load(i));
    let j = i;
    for (; j > from && isAfter(j - RECORD_BYTES, spare); j -= RECORD_BYTES) {
      v128.store(j, v128.load(j - RECORD_BYTES));
    }
    v128.store(j, v128.load(spare));
  }
}

/** Merges the sorted records [a, b) and [b, end) to `out`. */
function merge(a: usize, b: usize, end: usize, out: usize): void {
  const middle = b;
  for (; a < middle || b < end; out += RECORD_BYTES) {
    if (b >= end || (a < middle && !isAfter(a, b))) {
      v128.store(out, v128.load(a));
      a += RECORD_BYTES;
    } else {
      v128.store(out, v128.load(b));
      b += RECORD_BYTES;
    }
  }
}

/** From here on runs are merged: insertion would be quadratic. */
const RUN_BYTES: usize = 16 * RECORD_BYTES;

/** Sorts the records [from, to), with as much room at `to`. */
function sort(from: usize, to: usize): void {
  const byteCount = to - from;
  for (let i: usize = 0; i < byteCount; i += RUN_BYTES) {
    insert(from + i, from + min(i + RUN_BYTES, byteCount), to);
  }
  for (let run = RUN_BYTES; run < byteCount; run <<= 1) {
    memory.copy(to, from, byteCount);
    for (let i: usize = 0; i < byteCount; i += 2 * run) {
      const middle = min(i + run, byteCount);
      merge(to + i, to + middle, to + min(middle + run, byteCount), from + i);
    }
  }
}

/**
 * Sorts the members from the record at `first` on, whose object ends at `out`, and links them in
 * that order, from `brace` on. Returns whether no two have the same name.
 */
export function sortMembers(first: usize, brace: u32, out: usize): bool {
  reserve(top - base - first + RECORD_BYTES);
  if (isFull) return false;
  const from = base + first;
  endRope(out);
  // Each member becomes a chain of its own, from the last to the first, so that the segment noted
  // in a record is still the one that the member begins in.
  let last = current;
  for (let record = top - RECORD_BYTES; record >= from; record -= RECORD_BYTES) {
    if (load<u32>(record, 12) == LEFT_OUT) continue;
    const start: usize = load<u32>(record);
    const segment: usize = load<u32>(record, 8);
    const fresh = newSegment(start, load<u32>(segment, 4), load<u32>(segment, 8));
    store<u32>(segment, <u32>start, 4);
    store<u32>(record, <u32>fresh, 8);
    store<u32>(record, <u32>(segment == last ? fresh : last), 12);
    last = segment;
  }
  hasTwins = false;
  sort(from, top);
  let separator = brace;
  for (let record = from; record < top; record += RECORD_BYTES) {
    if (load<u32>(record, 12) == LEFT_OUT) continue;
    store<u32>(last, load<u32>(record, 8), 8);
    store<u8>(load<u32>(record), <u8>separator);
    separator = 0x2c;
    last = load<u32>(record, 12);
  }
  goOn(last, load<u32>(last, 4), out);
  return !hasTwins;
}
