import { first } from './compact';
import { allocateSmall, outOfMemory } from './region';

/**
 * The shapes of the objects of one document: a tree of the names that were read at a place, in their
 * order. Objects of one shape have the same names in the same order, so only the first of them is
 * sorted. Nothing is kept for the next document.
 *
 * A name is
 *     0  its text with its quotes, and any bytes up to 32
 *    32  its sort number, as in the record of a member
 *    40  its length with its quotes
 *    44  another name that was read after the same names
 *    48  the name that was read next in the object
 *    52  the first name of the objects in its value
 *    56  the order of the members of an object that ends here, if they are not in order: a byte each
 *    60  whether the names up to here are in order
 *
 * A place is the address of a list: of 48, where an object goes on, or of 52, where one begins.
 */
const NAME_SIZE: usize = 64;
const LONGEST_NAME: usize = 32;
const SORT_NUMBER: usize = 32;
const BYTES: usize = 40;
const OTHER: usize = 44;
const NEXT: usize = 48;
const INSIDE: usize = 52;
const ORDER: usize = 56;
const IN_ORDER: usize = 60;

/** Documents in which every object is different stop here: 32 KiB. */
const MOST_NAMES: u32 = 512;
/** An object with more members is not remembered. */
const MOST_MEMBERS: u32 = 64;
/** Names after the same names. The oldest is replaced. */
const MOST_OTHERS: u32 = 4;

let nameCount: u32 = 0;

export function openShapes(): void {
  nameCount = 0;
}

/** A place for the elements of an array. Returns 0 if there is no space. */
export function newPlace(): usize {
  if (nameCount == MOST_NAMES) return 0;
  const place = allocateSmall(8);
  if (outOfMemory) return 0;
  store<u64>(place, 0);
  return place;
}

/** The place inside the value of the last name. */
// @ts-ignore: decorator
@inline export function inside(place: usize): usize {
  return place == 0 ? 0 : place + (INSIDE - NEXT);
}

// @ts-ignore: decorator
@inline export function placeAfter(name: usize): usize {
  return name + NEXT;
}

// @ts-ignore: decorator
@inline export function lastName(place: usize): usize {
  return place - NEXT;
}

// @ts-ignore: decorator
@inline export function sortNumberOf(name: usize): u64 {
  return load<u64>(name, SORT_NUMBER);
}

// @ts-ignore: decorator
@inline export function bytesOf(name: usize): usize {
  return load<u32>(name, BYTES);
}

// @ts-ignore: decorator
@inline export function isInOrder(name: usize): bool {
  return load<bool>(name, IN_ORDER);
}

/** The order of the members of an object, or 0. */
// @ts-ignore: decorator
@inline export function orderOf(name: usize): usize {
  return load<u32>(name, ORDER);
}

// @ts-ignore: decorator
@inline export function setOrder(name: usize, order: usize): void {
  store<u32>(name, <u32>order, ORDER);
}

/**
 * The name at `place` that is read from `at`, or 0. A name is compared up to the quote that ends
 * it, so no other name begins with it.
 */
export function nameAt(place: usize, at: usize): usize {
  const x = v128.load(at);
  for (let name: usize = load<u32>(place); name != 0; name = load<u32>(name, OTHER)) {
    const byteCount = bytesOf(name);
    if (v128.any_true(v128.and(v128.xor(x, v128.load(name)), first(<u32>byteCount)))) continue;
    if (
      byteCount <= 16 ||
      !v128.any_true(
        v128.and(v128.xor(v128.load(at, 16), v128.load(name, 16)), first(<u32>byteCount - 16)),
      )
    ) return name;
  }
  return 0;
}

/**
 * Adds a name of `byteCount` bytes to `place`, behind `count` names of its object. Returns it, or 0 if
 * it is not remembered.
 */
export function learn(
  place: usize, text: usize, byteCount: usize, sortNumber: u64, count: u32, isOrdered: bool,
): usize {
  if (nameCount == MOST_NAMES || byteCount > LONGEST_NAME || count == MOST_MEMBERS) return 0;
  const name = allocateSmall(NAME_SIZE);
  if (outOfMemory) return 0;
  nameCount++;
  // Cuts off the oldest.
  let last = place;
  for (let i: u32 = 1; i < MOST_OTHERS && load<u32>(last) != 0; i++) last = <usize>load<u32>(last) + OTHER;
  store<u32>(last, 0);
  v128.store(name, v128.load(text));
  v128.store(name, v128.load(text, 16), 16);
  store<u64>(name, sortNumber, SORT_NUMBER);
  store<u32>(name, <u32>byteCount, BYTES);
  store<u32>(name, load<u32>(place), OTHER);
  store<u64>(name, 0, NEXT);
  store<u32>(name, 0, ORDER);
  store<bool>(name, isOrdered, IN_ORDER);
  store<u32>(place, <u32>name);
  return name;
}
