import { SELECTION } from './layout';

/**
 * The selection of an identity: an automaton, whose states JavaScript writes to SELECTION as words.
 * A state is its flags; the state inside a reference; the state of members and elements that it
 * does not name; the number of members and of elements that it names; for each member the address
 * of its canonical name, the length and the state; and for each element the index and the state.
 */
export const EXCLUDED: u32 = 1;
export const INSIDE: u32 = 2;
export const LEADS_INSIDE: u32 = 4;
export const STARTS: u32 = 8;
export const REFERENCE: u32 = 16;
export const INDIFFERENT: u32 = 32;

/** The first state. */
export const WHOLE: usize = SELECTION;

// @ts-ignore: decorator
@inline export function flagsOf(state: usize): u32 {
  return load<u32>(state);
}

/** The state for the content of a reference. */
// @ts-ignore: decorator
@inline export function contentOf(state: usize): usize {
  return load<u32>(state, 4);
}

/** The state of the member whose canonical name is `byteCount` bytes at `name`. */
export function memberOf(state: usize, name: usize, byteCount: usize): usize {
  let entry = state + 20;
  for (let left = load<u32>(state, 12); left != 0; left--, entry += 12) {
    if (<usize>load<u32>(entry, 4) == byteCount && memory.compare(load<u32>(entry), name, byteCount) == 0) {
      return load<u32>(entry, 8);
    }
  }
  return load<u32>(state, 8);
}

/** The state of the element at `index`. */
export function elementOf(state: usize, index: u32): usize {
  let entry = state + 20 + 12 * <usize>load<u32>(state, 12);
  for (let left = load<u32>(state, 16); left != 0; left--, entry += 8) {
    if (load<u32>(entry) == index) return load<u32>(entry, 4);
  }
  return load<u32>(state, 8);
}
