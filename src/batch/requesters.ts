import type { Store, StoreRecord } from '../store/store.js';
import { itemKey, readNames, readOwner } from './item.js';

/**
 * The requesters of an item are the `custom_id`s of the requests that share it. Those of the plan
 * that claimed the item are part of the owner of its record. All others are in numbered list records,
 * `batch:ik_…:0`, `:1` and so on, whose owner is a JSON list of names.
 *
 * Each plan appends a list and none overwrites another's; appending the same list twice is the same
 * claim. This takes one step of the store, where a list inside the item's record would take two.
 */
const listKey = (id: string, index: number) => `${itemKey(id)}:${index}`;

/** Returns the requesters in the record of the item. */
export const requestersIn = (record: StoreRecord | undefined): readonly string[] =>
  (record && readOwner(record.owner)?.requesters) ?? [];

/** Appends the requesters that are not in a list yet and not `recorded` in the item's record. */
export async function addRequesters(
  store: Store,
  id: string,
  requesters: readonly string[],
  recorded: readonly string[],
  ttlMs: number,
): Promise<void> {
  const known = new Set(recorded);
  const missing = requesters.filter((name) => !known.has(name));
  if (missing.length > 0) await appendList(store, id, missing, ttlMs);
}

/** Moves the requesters of a record that will be released into a list. */
export async function keepRequesters(
  store: Store,
  id: string,
  record: StoreRecord,
  ttlMs: number,
): Promise<void> {
  await appendList(store, id, requestersIn(record), ttlMs);
}

/** Even an empty list is stored as the first one: it records that the item was planned. */
async function appendList(
  store: Store,
  id: string,
  requesters: readonly string[],
  ttlMs: number,
): Promise<void> {
  let missing = requesters;
  for (let index = 0; ; index++) {
    const key = listKey(id, index);
    const { claimed, record, nowMs } = await store.claim(key, {
      owner: JSON.stringify(missing),
      leaseMs: ttlMs,
      ttlMs,
      fingerprint: undefined,
      takeUnknown: true,
      takeFinished: true,
    });
    // Readers stop at the first gap, so an earlier list must not expire before a later one.
    if (record.leaseEndsAtMs < nowMs + ttlMs) await store.renew(key, record.owner, ttlMs);
    if (claimed) return;
    const listed = new Set(readNames(record.owner));
    missing = missing.filter((name) => !listed.has(name));
    if (missing.length === 0) return;
  }
}

/** Returns all requesters of an item; `undefined` for an item that was never planned. */
export async function requestersOf(
  store: Store,
  id: string,
  record: StoreRecord | undefined,
): Promise<string[] | undefined> {
  const names = new Set<string>(requestersIn(record));
  for (let index = 0; ; index++) {
    const { record: list } = await store.read(listKey(id, index));
    if (list === undefined) {
      return record === undefined && index === 0 ? undefined : [...names];
    }
    for (const name of readNames(list.owner)) names.add(name);
  }
}
