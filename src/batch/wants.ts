import type { Store, StoreRecord } from '../store/store.js';
import { itemKey, readOwner } from './item.js';

/**
 * Who wants the result of an item. Those of the plan that has it are in the owner of its record; all
 * others are in records that stand one after the other, `batch:ik_…:0`, `:1`, and so on, each owned
 * by some, as a JSON list. Every plan adds its own, none overwrites another's, and the same ones
 * again are the same claim: one step of the store, where a list in the item's record would be two.
 */
const slotKey = (id: string, slot: number) => `${itemKey(id)}:${slot}`;

/** Those in the record of the item itself. */
export const requestersIn = (record: StoreRecord | undefined): readonly string[] =>
  (record && readOwner(record.owner)?.requesters) ?? [];

/** Adds those who are neither there yet nor among the `owned`, in the item's record. */
export async function addRequesters(
  store: Store,
  id: string,
  requesters: readonly string[],
  owned: readonly string[],
  ttlMs: number,
): Promise<void> {
  const known = new Set(owned);
  const missing = requesters.filter((name) => !known.has(name));
  if (missing.length > 0) await addToSlots(store, id, missing, ttlMs);
}

/** Keeps those who are in the record of an item that is to go. */
export async function keepRequesters(
  store: Store,
  id: string,
  record: StoreRecord,
  ttlMs: number,
): Promise<void> {
  await addToSlots(store, id, requestersIn(record), ttlMs);
}

/** The first list is there even if it is empty: the item was planned. */
async function addToSlots(
  store: Store,
  id: string,
  requesters: readonly string[],
  ttlMs: number,
): Promise<void> {
  let missing = requesters;
  for (let slot = 0; ; slot++) {
    const key = slotKey(id, slot);
    const { claimed, record, nowMs } = await store.claim(key, {
      owner: JSON.stringify(missing),
      leaseMs: ttlMs,
      ttlMs,
      fingerprint: undefined,
      takeUnknown: true,
      takeFinished: true,
    });
    // Those before the last one must not be gone sooner than it.
    if (record.leaseEndsAtMs < nowMs + ttlMs) await store.renew(key, record.owner, ttlMs);
    if (claimed) return;
    const there = new Set(JSON.parse(record.owner));
    missing = missing.filter((name) => !there.has(name));
    if (missing.length === 0) return;
  }
}

/** All who want it; `undefined` for an item that nobody ever planned. */
export async function requestersOf(
  store: Store,
  id: string,
  record: StoreRecord | undefined,
): Promise<string[] | undefined> {
  const names = new Set<string>(requestersIn(record));
  for (let slot = 0; ; slot++) {
    const { record: list } = await store.read(slotKey(id, slot));
    if (list === undefined) {
      return record === undefined && slot === 0 ? undefined : [...names];
    }
    for (const name of JSON.parse(list.owner)) names.add(name);
  }
}
