import type { Store, StoreRecord } from '../store/store.js';
import { isUnknown } from '../store/transition.js';
import { batchKey, itemKey, readOwner } from './item.js';
import { DEFAULT_TTL_MS } from './options.js';
import { addRequesters, requestersIn } from './requesters.js';

/**
 * Releases an item from the claim of `owner`. Returns `false` if that claim does not exist.
 *
 * If it had taken over an abandoned claim, the store restores the abandoned one. That one is deleted:
 * otherwise the item would seem to be in a batch, and its old plan could send it.
 */
export async function releaseItem(store: Store, id: string, owner: string): Promise<boolean> {
  const key = itemKey(id);
  if (!(await store.release(key, owner))) return false;
  const { record, nowMs } = await store.read(key);
  if (record !== undefined && (await isAbandoned(store, record, nowMs))) {
    await addRequesters(store, id, requestersIn(record), [], DEFAULT_TTL_MS);
    // A claim that was renewed since then stays.
    await store.evict(key);
  }
  return true;
}

/** Whether the claim of an item has expired, and its batch was never begun: each one that was has a record. */
export async function isAbandoned(
  store: Store,
  record: StoreRecord,
  nowMs: number,
): Promise<boolean> {
  if (!isUnknown(record, nowMs)) return false;
  const owner = readOwner(record.owner);
  return owner === undefined || (await store.read(batchKey(owner.batch))).record === undefined;
}
