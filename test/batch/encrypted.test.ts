import { describe, expect, it } from 'vitest';
import {
  type BatchResult,
  createBatch,
  dropBatch,
  type PlannedBatch,
  type PlanOptions,
  planBatch,
  type Recorded,
  type RecordOptions,
  recordResults,
  resultsOf,
} from '../../src/batch/batch.js';
import { itemKey } from '../../src/batch/item.js';
import { encryptedCodec, OnceError, richCodec } from '../../src/once/index.js';
import type { Store, StoreRecord } from '../../src/store/store.js';
import { but } from '../once/scene.js';
import { request as claimOf } from '../store/requests.js';
import { failure, fakeApi, first, request, STORE_NAMES, setUp, success } from './plans.js';

const keyOf = (id: string, byte: number) => ({ id, key: new Uint8Array(32).fill(byte) });
const OLD = keyOf('old', 1);
const NEW = keyOf('new', 2);
const codec = encryptedCodec({ keys: [OLD] });
const names = ['anna', 'ben', 'carla'] as const;

/** A plan of three requests. */
async function planned(storeName: string) {
  const { store, plan } = setUp(storeName);
  const requests = names.map((name) => request(`${name}?`, name));
  const own = await plan(requests);
  const items = first(own.batches).items;
  const told: BatchResult[] = [];
  const record = (
    results: readonly unknown[],
    options: Partial<RecordOptions> = {},
  ): Promise<Recorded> =>
    recordResults(results, { store, onResult: (result) => void told.push(result), ...options });
  /** The outcomes by requester, as another process finds them. */
  const found = async (used?: RecordOptions['codec']) => {
    const outcomes: Record<string, unknown> = {};
    const options = { store, wait: false, ...(used && { codec: used }) };
    for await (const { requesters, outcome, response, error } of resultsOf(own, options)) {
      for (const name of requesters) {
        outcomes[name] =
          error instanceof OnceError
            ? error.code
            : outcome === 'succeeded'
              ? (response as { id: unknown }).id
              : outcome;
      }
    }
    return outcomes;
  };
  const records = async () =>
    (await Promise.all(items.map(({ id }) => store.read(itemKey(id))))).map(
      ({ record }) => record as StoreRecord,
    );
  const ids = items.map(({ customId }) => customId) as [string, string, string];
  const planAgain = (more: Partial<PlanOptions> = {}) => plan(requests, more);
  return { store, plan: planAgain, ids, told, record, found, records };
}

const textOf = ({ payload = new Uint8Array() }: StoreRecord) =>
  Buffer.from(payload).toString('latin1');
const all = (ids: readonly string[]) => ids.map((id) => success(id, `secret of ${id}`));
const unreadable = {
  anna: 'SAMEKEY_UNREADABLE',
  ben: 'SAMEKEY_UNREADABLE',
  carla: 'SAMEKEY_UNREADABLE',
};

describe.each(STORE_NAMES)('encrypted results of batches in the %s store', (storeName) => {
  it('are read with their key, and the store has nothing of them', async () => {
    const { ids, record, records, found, told, plan } = await planned(storeName);
    expect(await record(all(ids), { codec })).toMatchObject({ stored: 3 });
    for (const each of await records()) {
      expect(each).toMatchObject({ state: 'done', codec: 'encrypted' });
      expect(textOf(each)).not.toMatch(/secret|succeeded|message/);
    }
    const right = Object.fromEntries(names.map((name, i) => [name, `secret of ${ids[i]}`]));
    expect(await found(codec)).toEqual(right);
    // A key is changed: the new one is added, then it encrypts.
    expect(await found(encryptedCodec({ keys: [NEW, OLD] }))).toEqual(right);
    expect(told.map(({ isRepeated }) => isRepeated)).toEqual([false, false, false]);
    expect(await record(all(ids), { codec })).toMatchObject({ stored: 0, repeated: 3 });
    expect(told.slice(3).map(({ response }) => (response as { id: unknown }).id)).toEqual(
      Object.values(right),
    );
    expect((await plan()).finished).toHaveLength(3);
  });

  it('whose key is lost are errors of their own, until they are recorded again', async () => {
    const { ids, record, records, found, told, plan } = await planned(storeName);
    await record(all(ids).slice(0, 2), { codec });
    const lost = encryptedCodec({ keys: [NEW] });
    await record(all(ids).slice(2), { codec: lost });
    expect(await found(lost)).toEqual({ ...unreadable, carla: `secret of ${ids[2]}` });
    expect(await found()).toEqual(unreadable);
    // A failure from an earlier batch replaces nothing.
    told.length = 0;
    expect(await record([failure(ids[0])], { codec: lost })).toMatchObject({ repeated: 1 });
    expect(first(told)).toMatchObject({ isRepeated: true, outcome: 'errored' });
    expect(first(told).error).toMatchObject({
      code: 'SAMEKEY_UNREADABLE',
      keyId: 'old',
      message: expect.stringMatching(/is encrypted with the key "old", and the keys are "new"/),
    });
    expect((await plan()).finished).toHaveLength(3);
    // A process that has no codec by mistake makes no result plain.
    expect(await record(all(ids))).toMatchObject({ stored: 0, repeated: 3 });
    told.length = 0;
    expect(await record(all(ids), { codec: lost })).toMatchObject({ stored: 2, repeated: 1 });
    expect(told.map(({ requesters, isRepeated }) => [...requesters, isRepeated])).toEqual([
      ['anna', false],
      ['ben', false],
      ['carla', true],
    ]);
    expect(await found(lost)).toEqual(
      Object.fromEntries(names.map((name, i) => [name, `secret of ${ids[i]}`])),
    );
    for (const each of await records()) expect(textOf(each).slice(2, 5)).toBe('new');
    expect((await plan()).finished).toHaveLength(3);
  });

  it('whose key is lost are neither finished nor planned again, unless that is asked for', async () => {
    const { store, ids, record, found, plan } = await planned(storeName);
    await record(all(ids).slice(0, 2), { codec });
    const lost = encryptedCodec({ keys: [NEW] });
    await record(all(ids).slice(2), { codec: lost });
    const keys = ids.map((id) => id.slice(0, 35));
    // A plan needs no key.
    expect(await plan()).toMatchObject({ batches: [], finished: keys, unreadable: [] });
    expect(await plan({ onUnreadable: 'retry' })).toMatchObject({ batches: [], finished: keys });
    const held = await plan({ codec: lost });
    expect(held).toMatchObject({
      batches: [],
      finished: keys.slice(2),
      unreadable: keys.slice(0, 2),
    });
    const retry = { codec: lost, onUnreadable: 'retry' } as const;
    const dropped = await plan(retry);
    expect(first(dropped.batches).items.map(({ id }) => id)).toEqual(keys.slice(0, 2));
    expect(dropped).toMatchObject({ finished: keys.slice(2), unreadable: [] });
    // They are in that batch now, and in no other.
    expect(await plan(retry)).toMatchObject({
      batches: [],
      inProgress: [{ ids: keys.slice(0, 2) }],
    });
    // A plan that is released leaves the results as they were.
    await dropped.release();
    expect((await plan({ codec: lost })).unreadable).toEqual(keys.slice(0, 2));
    expect(await plan({ codec })).toMatchObject({ unreadable: keys.slice(2) });
    const [again] = (await plan(retry)).batches;
    await createBatch(again as PlannedBatch, fakeApi(), { store });
    const newIds = again?.items.map(({ customId }) => customId) as string[];
    expect(newIds).not.toEqual(ids.slice(0, 2));
    expect(await record(all(newIds), { codec: lost })).toMatchObject({ stored: 2 });
    expect(await found(lost)).toMatchObject({ anna: `secret of ${newIds[0]}` });
    expect(await plan({ codec: lost })).toMatchObject({ finished: keys, unreadable: [] });
  });

  it('that are sent again belong to all requesters, also if the batch is dropped', async () => {
    const { store, ids, told, record, plan } = await planned(storeName);
    await record(all(ids), { codec });
    const lost = encryptedCodec({ keys: [NEW] });
    const named = (name: string, onUnreadable: 'hold' | 'retry') =>
      planBatch([request('anna?', name)], {
        store,
        provider: 'anthropic',
        codec: lost,
        onUnreadable,
      });
    expect((await named('dora', 'hold')).unreadable).toHaveLength(1);
    const [batch] = (await named('emil', 'retry')).batches as [PlannedBatch];
    await createBatch(batch, fakeApi(), { store });
    expect(await dropBatch(batch.key, { store })).toBe(1);
    expect((await plan({ codec: lost })).unreadable).toHaveLength(3);
    told.length = 0;
    await record(all(ids).slice(0, 1), { codec: lost });
    expect([...first(told).requesters].sort()).toEqual(['anna', 'dora', 'emil']);
  });

  it('that another program has damaged are unreadable, too, and are replaced', async () => {
    const { store, ids, record, found, plan } = await planned(storeName);
    await record(all(ids));
    const key = itemKey(ids[1].slice(0, 35));
    const { owner } = (await store.read(key)).record as StoreRecord;
    for (const payload of ['', '"text"', '{"result":{"type":"succ', '{}']) {
      await store.evict(key);
      await store.claim(key, claimOf(owner));
      const damaged = { codec: 'json', payload: Buffer.from(payload) };
      await store.complete(key, owner, { state: 'done', ...damaged, ttlMs: 1e6 });
      expect(await plan()).toMatchObject({ batches: [], unreadable: [ids[1].slice(0, 35)] });
      expect(await found()).toMatchObject({ ben: 'errored' });
      const retried = await plan({ onUnreadable: 'retry' });
      expect(first(retried.batches).items).toHaveLength(1);
      await retried.release();
    }
    expect(await record(all(ids))).toMatchObject({ stored: 1, repeated: 2 });
    expect(await found()).toMatchObject({ ben: `secret of ${ids[1]}` });
  });

  it('begin and end with plain results', async () => {
    const { ids, record, records, found } = await planned(storeName);
    await record([success(ids[0], 'plain')]);
    expect(await found(codec)).toMatchObject({ anna: 'SAMEKEY_UNREADABLE' });
    const reading = encryptedCodec({ keys: [OLD], plain: 'read' });
    await record([success(ids[1], 'sealed')], { codec: reading });
    const writing = encryptedCodec({ keys: [OLD], plain: 'write' });
    await record([success(ids[2], 'plain, too')], { codec: writing });
    const right = { anna: 'plain', ben: 'sealed', carla: 'plain, too' };
    expect(await found(reading)).toEqual(right);
    expect((await records()).map((each) => each.codec)).toEqual(['json', 'encrypted', 'json']);
    // What is not encrypted is not trusted, so the result of the provider takes its place.
    await record([success(ids[0], 'sealed')], { codec });
    expect((await records())[0]?.codec).toBe('encrypted');
  });

  it('are complete after a process has crashed while it recorded them', async () => {
    const { store, ids, record, found } = await planned(storeName);
    let written: Promise<boolean> | undefined;
    const dying = but(store, {
      async complete(...call: Parameters<Store['complete']>) {
        if (written === undefined) {
          written = store.complete(...call);
          return written;
        }
        await written;
        throw new Error('the process has ended');
      },
    });
    await expect(record(all(ids), { store: dying, codec })).rejects.toThrow('has ended');
    const rotated = encryptedCodec({ keys: [NEW, OLD] });
    expect(await record(all(ids), { codec: rotated })).toMatchObject({ stored: 2, repeated: 1 });
    expect(Object.values(await found(rotated))).toEqual(ids.map((id) => `secret of ${id}`));
  });

  it('may be errors', async () => {
    const { ids, record, records, found } = await planned(storeName);
    const storeErrors = () => true;
    expect(await record([failure(ids[0])], { codec, storeErrors })).toMatchObject({ stored: 1 });
    const [stored] = await records();
    expect(stored).toMatchObject({ state: 'failed', codec: 'encrypted' });
    expect(await found(codec)).toMatchObject({ anna: 'errored' });
    expect(await found(encryptedCodec({ keys: [NEW] }))).toMatchObject({
      anna: 'SAMEKEY_UNREADABLE',
    });
  });

  it('of another record or another codec are refused', async () => {
    const { store, ids, record, found } = await planned(storeName);
    await record(all(ids), { codec });
    const keys = ids.map((id) => itemKey(id.slice(0, 35)));
    const swapped = (await store.read(keys[0] as string)).record as StoreRecord;
    for (const [at, result] of [
      [1, { codec: 'encrypted', payload: swapped.payload as Uint8Array }],
      [2, { codec: richCodec.name, payload: richCodec.encode(1) }],
    ] as const) {
      const key = keys[at] as string;
      await store.evict(key);
      await store.claim(key, claimOf('x'));
      await store.complete(key, 'x', { state: 'done', ...result, ttlMs: 1e6 });
    }
    expect(await found(codec)).toEqual({ ...unreadable, anna: `secret of ${ids[0]}` });
    expect(await found()).toEqual(unreadable);
  });
});
