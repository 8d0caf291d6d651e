import { describe, expect, it } from 'vitest';
import {
  type BatchApi,
  createBatch,
  dropBatch,
  type PlannedBatch,
  recordResults,
  settleBatch,
} from '../../src/batch/batch.js';
import { bodies, fakeApi, first, HOUR_MS, request, STORE_NAMES, setUp, success } from './plans.js';

describe.each(STORE_NAMES)('creating and dropping batches on %s', (name) => {
  it('creates a batch once when many callers create it concurrently', async () => {
    const { store, plan } = setUp(name);
    const [batch] = (await plan([request('A?')])).batches as [PlannedBatch];
    const api = fakeApi();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => createBatch(batch, api, { store })),
    );
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set(['batch_1']));
    expect(api.created()).toBe(1);
  });

  it('does not create a batch of unknown outcome again without find()', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    const one = [request('A?')];
    const [batch] = (await plan(one)).batches as [PlannedBatch];
    let calls = 0;
    const api: BatchApi = {
      async create() {
        calls++;
        throw new Error('socket hang up');
      },
    };
    await expect(createBatch(batch, api, { store })).rejects.toThrow('socket hang up');
    for (let i = 0; i < 2; i++) {
      await expect(createBatch(batch, api, { store })).rejects.toMatchObject({
        code: 'SAMEKEY_UNKNOWN_OUTCOME',
      });
    }
    clock.pass(2 * HOUR_MS);
    const { batches, inProgress } = await plan(one);
    expect(batches).toEqual([]);
    expect(inProgress).toMatchObject([{ state: 'unknown', key: batch.key, batchId: undefined }]);
    expect(calls).toBe(1);

    // find() can say that the batch does not exist.
    const find = async () => undefined;
    const settled = await settleBatch(first(inProgress), { ...api, find }, { store });
    expect(settled).toEqual({ state: 'absent' });
    expect(bodies((await plan(one)).batches)).toEqual([['A?']]);
  });

  it('keeps the claims of a batch that the provider refused shortly before they expire', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    const { batches } = await plan([request('A?')]);
    clock.pass(HOUR_MS - 1);
    const api: BatchApi = {
      async create() {
        clock.pass(1000);
        throw Object.assign(new Error('no'), { status: 400 });
      },
    };
    await expect(createBatch(first(batches), api, { store })).rejects.toThrow('no');
    const next = await plan([request('A?')]);
    expect(next.batches).toEqual([]);
    expect(next.inProgress).toMatchObject([{ state: 'planned' }]);
  });

  it('drops a batch, so that the next plan contains its requests', async () => {
    const { store, plan } = setUp(name, { limits: { maxRequests: 2 } });
    const three = ['A?', 'B?', 'C?'].map((each) => request(each, 'anna'));
    const { batches } = await plan(three);
    for (const batch of batches) await createBatch(batch, fakeApi(), { store });
    const [ab, c] = batches as [PlannedBatch, PlannedBatch];
    const [a] = ab.items;
    await recordResults([success(a?.customId as string)], { store });
    await plan([request('B?', 'ben')]);
    expect(await dropBatch(ab.key, { store })).toBe(1);
    const next = await plan(three);
    expect(bodies(next.batches)).toEqual([['B?']]);
    expect(next.inProgress.map(({ key }) => key)).toEqual([c.key]);
    expect(next.finished).toEqual([a?.id]);
    // A late result of the dropped batch still goes to all requesters.
    const received: string[] = [];
    const onResult = ({ requesters }: { requesters: readonly string[] }) =>
      void received.push(...requesters);
    await recordResults([success(ab.items[1]?.customId as string)], { store, onResult });
    expect(received.sort()).toEqual(['anna', 'ben']);
    await expect(dropBatch(ab.key, { store })).rejects.toThrow(
      `Cannot drop the batch: ${ab.key} was never begun, wanted the key of a batch that was`,
    );
  });

  it('does not drop a batch while it is being created', async () => {
    const { store, plan } = setUp(name);
    const [batch] = (await plan([request('A?')])).batches as [PlannedBatch];
    const api: BatchApi = {
      async create() {
        await expect(dropBatch(batch.key, { store })).rejects.toMatchObject({
          code: 'SAMEKEY_IN_PROGRESS',
          message: `Cannot drop the batch ${batch.key}: it is being created, wanted a batch that is not; try again later`,
        });
        throw new Error('socket hang up');
      },
    };
    await expect(createBatch(batch, api, { store })).rejects.toThrow('socket hang up');
    // Its outcome is unknown now. Dropping it says that it does not exist.
    expect(await dropBatch(batch.key, { store })).toBe(1);
    expect((await plan([request('A?')])).batches.length).toBe(1);
  });

  it('knows a batch for as long as its requests, also with a shorter ttlMs', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    const [sent] = (await plan([request('A?')])).batches as [PlannedBatch];
    await createBatch(sent, fakeApi(), { store, ttlMs: 1000 });
    const [lost] = (await plan([request('B?')])).batches as [PlannedBatch];
    const api: BatchApi = { create: () => Promise.reject(new Error('socket hang up')) };
    await expect(createBatch(lost, api, { store, ttlMs: 1000 })).rejects.toThrow('socket hang up');
    clock.pass(2 * HOUR_MS);
    const both = [request('A?'), request('B?')];
    const { batches, inProgress } = await plan(both);
    expect(batches).toEqual([]);
    const unknown = inProgress.find(({ key }) => key === lost.key);
    const found = { ...api, find: async () => ({ id: 'batch_2' }) };
    expect(await settleBatch(unknown as never, found, { store, ttlMs: 1000 })).toEqual({
      state: 'created',
      id: 'batch_2',
    });
    clock.pass(2 * HOUR_MS);
    const later = await plan(both);
    expect(later.batches).toEqual([]);
    expect(later.inProgress.map(({ batchId }) => batchId).sort()).toEqual(['batch_1', 'batch_2']);
  });
});
