import type { Store } from '../../store/store.js';
import { itemKey } from './item.js';

/**
 * Who wants the result of an item: records that stand one after the other, `batch:ik_…:0`, `:1`, and
 * so on, each owned by those who want it, as a JSON list. Every plan adds its own, none overwrites
 * another's, and the same ones again are the same claim: one step of the store, where a finished
 * record with a list in it would be two.
 */
const slotKey = (id: string, slot: number) => `${itemKey(id)}:${slot}`;

/** Adds those who are not on a list yet; the first list is there even if it is empty. */
export async function addRequesters(
  store: Store,
  id: string,
  requesters: readonly string[],
  ttlMs: number,
): Promise<void> {
  let missing = requesters;
  for (let slot = 0; ; slot++) {
    const { claimed, record } = await store.claim(slotKey(id, slot), {
      owner: JSON.stringify(missing),
      leaseMs: ttlMs,
      ttlMs,
      fingerprint: undefined,
      takeUnknown: true,
      takeFinished: true,
    });
    if (claimed) return;
    const there = new Set(JSON.parse(record.owner));
    missing = missing.filter((name) => !there.has(name));
    if (missing.length === 0) return;
  }
}

/** All who want it, in the order they came in; `undefined` for an item that nobody ever planned. */
export async function requestersOf(store: Store, id: string): Promise<string[] | undefined> {
  let names: Set<string> | undefined;
  for (let slot = 0; ; slot++) {
    const { record } = await store.read(slotKey(id, slot));
    if (record === undefined) return names && [...names];
    names ??= new Set();
    for (const name of JSON.parse(record.owner)) names.add(name);
  }
}
