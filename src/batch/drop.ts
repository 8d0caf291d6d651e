import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { isKey } from '../index.js';
import type { Store } from '../store/store.js';
import { BatchHold } from './hold.js';
import { batchKey, type ItemOwner, readOwner } from './item.js';
import { DEFAULT_TTL_MS, refuse, requireStore, windowsOf } from './options.js';
import { keepRequesters } from './wants.js';

const ITEM = /^batch:(ik_[0-9a-f]{32})$/;
const ACTION = 'drop the batch';

/**
 * Gives back what is in a batch that will never be sent, or that failed as a whole, and returns how
 * many requests these are: the next plan has them. It looks through all records of the store.
 *
 * Nobody is asked whether the batch was sent: what was, and is planned again, is billed again.
 *
 * @throws {RangeError | TypeError} `SAMEKEY_BAD_ARGUMENT` for a key of no batch that was begun, or a
 * store without `list`; {Error} `SAMEKEY_IN_PROGRESS` while it is being created.
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
export async function dropBatch(key: string, options: { readonly store: Store }): Promise<number> {
  requireMembers(options, ['store'], 'options of dropBatch');
  const store = requireStore(options.store, ACTION);
  requireList(store);
  if (!isKey(key)) refuse(ACTION, `its key is ${nameOf(key)}, wanted the key of a batch`);
  if ((await store.read(key)).record === undefined) {
    refuse(ACTION, `${key} is none that was begun, wanted the key of one that was`, RangeError);
  }
  const hold = await BatchHold.on(store, key, { isBegun: true });
  if (hold === undefined) {
    fail(
      Error,
      'SAMEKEY_IN_PROGRESS',
      `Cannot drop the batch ${key}: it is being created, wanted its end; try again later`,
    );
  }
  let count: number;
  try {
    const isKeyOf = new Map<string, boolean>();
    const isDropped = ({ batch }: ItemOwner) => {
      const known = isKeyOf.get(batch) ?? batchKey(batch) === key;
      isKeyOf.set(batch, known);
      return known;
    };
    count = await dropItems(store, isDropped, hold);
  } catch (error) {
    // It is dropped in part: what is left of it can be dropped again.
    await hold.giveBack();
    throw error;
  }
  await hold.end();
  return count;
}

/** Gives back the items of those owners, and returns how many there were. */
export async function dropItems(
  store: Store,
  isDropped: (owner: ItemOwner) => boolean,
  hold?: BatchHold,
): Promise<number> {
  let count = 0;
  for await (const window of windowsOf(itemsOf(store, isDropped, hold))) {
    const dropped = await Promise.all(
      window.map(async ({ id, key, record }) => {
        await keepRequesters(store, id, record, DEFAULT_TTL_MS);
        return store.release(key, record.owner);
      }),
    );
    count += dropped.filter(Boolean).length;
  }
  return count;
}

async function* itemsOf(
  store: Store,
  isDropped: (owner: ItemOwner) => boolean,
  hold: BatchHold | undefined,
) {
  for await (const { key, record } of requireList(store)) {
    await hold?.prolong();
    const [, id] = ITEM.exec(key) ?? [];
    const owner = record.state === 'running' ? readOwner(record.owner) : undefined;
    if (id !== undefined && owner !== undefined && isDropped(owner)) yield { id, key, record };
  }
}

function requireList(store: Store) {
  return store.list?.() ?? refuse(ACTION, 'its store has no list(), wanted one that has');
}
