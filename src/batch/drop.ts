import { fail, nameOf } from '../errors/errors.js';
import { isKey } from '../index.js';
import { readOptions } from '../options/read.js';
import type { Store } from '../store/store.js';
import { batchKey, type ItemOwner, readOwner } from './item.js';
import { BatchLock } from './lock.js';
import { DEFAULT_TTL_MS, type DropOptions, dropOptions } from './options.js';
import { releaseItem } from './release.js';
import { keepRequesters } from './requesters.js';
import { windowsOf } from './windows.js';

const ITEM = /^batch:(ik_[0-9a-f]{32})$/;

/**
 * Releases the requests of a batch that will not be sent, or that failed as a whole, so that the next
 * plan contains them. Returns the number of requests. It reads all records of the store.
 *
 * It does not ask the provider whether the batch was sent: if it was, the provider bills the requests
 * again when they are sent again.
 *
 * @throws {RangeError | TypeError} `SAMEKEY_BAD_ARGUMENT` for a key of a batch whose creation has not
 * begun, or a store without `list`; {Error} `SAMEKEY_IN_PROGRESS` while a process creates the batch.
 * @example
 * const store = memoryStore();
 * const requests = [{ params: { model: 'm', max_tokens: 9, messages: [] } }];
 * const plan = () => planBatch(requests, { store, provider: 'anthropic' });
 * const [batch] = (await plan()).batches;
 * await createBatch(batch, { create: async () => ({ id: 'batch_1' }) }, { store });
 * (await plan()).batches.length; // 0
 * await dropBatch(batch.key, { store }); // 1
 * (await plan()).batches.length; // 1
 */
export async function dropBatch(key: string, options: DropOptions): Promise<number> {
  const { store } = readOptions(dropOptions, options, 'options of dropBatch');
  requireList(store);
  if (!isKey(key)) refuse(`its key is ${nameOf(key)}, wanted the key of a batch`);
  if ((await store.read(key)).record === undefined) {
    refuse(`${key} was never begun, wanted the key of a batch that was`, RangeError);
  }
  const lock = await BatchLock.acquire(store, key, { isBegun: true });
  if (lock === undefined) {
    fail(
      Error,
      'SAMEKEY_IN_PROGRESS',
      `Cannot drop the batch ${key}: it is being created, wanted a batch that is not; try again later`,
    );
  }
  let count: number;
  try {
    const matches = new Map<string, boolean>();
    const isInBatch = ({ batch }: ItemOwner) => {
      const isMatch = matches.get(batch) ?? batchKey(batch) === key;
      matches.set(batch, isMatch);
      return isMatch;
    };
    count = await dropItems(store, isInBatch, lock);
  } catch (error) {
    // Some items are released. The next call releases the rest.
    await lock.abort();
    throw error;
  }
  await lock.deleteBatch();
  return count;
}

/** Releases the items whose owner `isDropped` selects, and returns their number. */
export async function dropItems(
  store: Store,
  isDropped: (owner: ItemOwner) => boolean,
  lock?: BatchLock,
): Promise<number> {
  let count = 0;
  for await (const window of windowsOf(itemsOf(store, isDropped, lock))) {
    const released = await Promise.all(
      window.map(async ({ id, record }) => {
        await keepRequesters(store, id, record, DEFAULT_TTL_MS);
        return releaseItem(store, id, record.owner);
      }),
    );
    count += released.filter(Boolean).length;
  }
  return count;
}

async function* itemsOf(
  store: Store,
  isDropped: (owner: ItemOwner) => boolean,
  lock: BatchLock | undefined,
) {
  for await (const { key, record } of requireList(store)) {
    await lock?.renew();
    const [, id] = ITEM.exec(key) ?? [];
    const owner = record.state === 'running' ? readOwner(record.owner) : undefined;
    if (id !== undefined && owner !== undefined && isDropped(owner)) yield { id, record };
  }
}

function requireList(store: Store) {
  return store.list?.() ?? refuse('its store has no list(), wanted one that has');
}

function refuse(reason: string, Class: typeof TypeError | typeof RangeError = TypeError): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot drop the batch: ${reason}`);
}
