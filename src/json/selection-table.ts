import { encoder } from '../engine/utf8.js';
import type { Selection } from './selection.js';

/** The flags of a state, as in `assembly/json/select.ts`. */
const EXCLUDED = 1;
const INSIDE = 2;
const LEADS_INSIDE = 4;
const STARTS = 8;
const REFERENCE = 16;
const INDIFFERENT = 32;

const tables = /* @__PURE__ */ new WeakMap<Selection, Uint8Array | null>();

/**
 * Returns a selection as a table of words for the module, at the address `base`, in the layout of
 * `assembly/json/select.ts`. Returns `undefined` if it takes more than `byteCount` bytes, or if a path
 * has a slice or counts from the end: the module reads an array once, and learns its length at its end.
 */
export function selectionTable(
  selection: Selection,
  base: number,
  byteCount: number,
): Uint8Array | undefined {
  let table = tables.get(selection);
  if (table === undefined) {
    table = layOut(selection, base, byteCount) ?? null;
    tables.set(selection, table);
  }
  return table ?? undefined;
}

function flagsOf(state: Selection): number {
  return (
    (state.excludedBy === undefined ? 0 : EXCLUDED) |
    (state.isInside ? INSIDE : 0) |
    (state.mayLeadInside ? LEADS_INSIDE : 0) |
    (state.startsInclude ? STARTS : 0) |
    (state.isReference ? REFERENCE : 0) |
    (state.isIndifferent ? INDIFFERENT : 0)
  );
}

function layOut(first: Selection, base: number, byteCount: number): Uint8Array | undefined {
  // The address of each state, in the order of discovery.
  const placeOf = new Map<Selection, number>([[first, base]]);
  const names = new Map<string, { bytes: Uint8Array; place: number }>();
  const words: (() => number)[] = [];
  let next = base;
  const reach = (state: Selection) => {
    if (!placeOf.has(state)) placeOf.set(state, 0);
    words.push(() => placeOf.get(state) as number);
  };
  for (const state of placeOf.keys()) {
    placeOf.set(state, next);
    // An excluded value, and one that is included as a whole, is never entered.
    const isEntered = state.excludedBy === undefined && !state.isIndifferent;
    const members = isEntered ? state.namedMembers() : [];
    const slices = isEntered ? state.slices : [];
    const indexes = new Set<number>();
    for (const { start = -1, end, step } of slices) {
      if (start < 0 || end !== start + 1 || step !== 1) return undefined;
      if (start < 2 ** 32) indexes.add(start);
    }
    const elements = [...indexes];
    const flags = flagsOf(state);
    words.push(() => flags);
    reach(state.isReference ? state.content : state);
    reach(isEntered ? state.other() : state);
    words.push(
      () => members.length,
      () => elements.length,
    );
    for (const name of members) {
      const bytes = encoder.encode(JSON.stringify(name));
      const place = names.get(name) ?? { bytes, place: 0 };
      names.set(name, place);
      words.push(
        () => place.place,
        () => bytes.length,
      );
      reach(state.member(name));
    }
    for (const index of elements) {
      words.push(() => index);
      reach(state.element(index, index + 1));
    }
    next = base + 4 * words.length;
    if (next - base > byteCount) return undefined;
  }
  for (const name of names.values()) {
    name.place = next;
    next += name.bytes.length;
  }
  if (next - base > byteCount) return undefined;
  const table = new Uint8Array(next - base);
  const view = new DataView(table.buffer);
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word(), true);
  for (const { bytes, place } of names.values()) table.set(bytes, place - base);
  return table;
}
