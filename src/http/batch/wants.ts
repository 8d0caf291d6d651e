import { decoder, encoder } from '../../engine/utf8.js';
import { randomKey } from '../../index.js';
import type { Store, StoreRecord } from '../../store/store.js';
import { isUnknown } from '../../store/transition.js';
import { itemKey } from './item.js';

/**
 * Who wants the result of an item: lists that stand one after the other, `batch:ik_…:0`, `:1`, and
 * so on, each written once. Every plan adds its own, and none overwrites another's.
 */
const slotKey = (id: string, slot: number) => `${itemKey(id)}:${slot}`;

const WRITE_LEASE_MS = 60_000;

/** Adds those who are not on a list yet. */
export async function addRequesters(
  store: Store,
  id: string,
  requesters: readonly string[],
  ttlMs: number,
): Promise<void> {
  let missing = requesters;
  for (let slot = 0; missing.length > 0; slot++) {
    const key = slotKey(id, slot);
    const { record, nowMs } = await store.read(key);
    if (record !== undefined && !isUnknown(record, nowMs)) {
      const there = new Set(namesIn(record));
      missing = missing.filter((name) => !there.has(name));
      continue;
    }
    const owner = randomKey();
    const { claimed } = await store.claim(key, {
      owner,
      leaseMs: WRITE_LEASE_MS,
      ttlMs,
      fingerprint: undefined,
      takeUnknown: true,
      takeFinished: false,
    });
    if (!claimed) {
      // Somebody else was faster: it may be the same list.
      slot--;
      continue;
    }
    const payload = encoder.encode(JSON.stringify(missing));
    await store.complete(key, owner, { state: 'done', codec: 'json', payload, ttlMs });
    return;
  }
}

/** All who want it, in the order they came in; `undefined` if nobody ever did. */
export async function requestersOf(store: Store, id: string): Promise<string[]> {
  const names = new Set<string>();
  for (let slot = 0; ; slot++) {
    const { record } = await store.read(slotKey(id, slot));
    if (record === undefined) return [...names];
    for (const name of namesIn(record)) names.add(name);
  }
}

function namesIn({ state, payload }: StoreRecord): string[] {
  return state === 'done' && payload !== undefined ? JSON.parse(decoder.decode(payload)) : [];
}
