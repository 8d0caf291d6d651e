import { describe, expect, it } from 'vitest';
import { createBatch, recordResults, resultsOf } from '../../src/batch/batch.js';
import {
  bodies,
  failure,
  fakeApi,
  first,
  HOUR_MS,
  request,
  STORE_NAMES,
  setUp,
  success,
} from './plans.js';

describe.each(STORE_NAMES)('recording results on %s', (name) => {
  it('reports a result to its requesters in all plans', async () => {
    const { store, plan } = setUp(name);
    const sent = await plan([request('A?', 'anna'), request('A?', 'ben')]);
    const other = await plan([request('A?', 'carla')]);
    await plan([request('A?', 'anna'), request('A?', 'dora')]);
    const reported: unknown[] = [];
    const { customId } = first(first(sent.batches).items);
    const record = () =>
      recordResults([success(customId)], {
        store,
        onResult: ({ requesters, isRepeated, response }) => {
          reported.push([requesters, isRepeated, response]);
        },
      });
    // A plan that waits for a batch of another plan gets the result too.
    const waiting = resultsOf(other, { store, pollMs: 10 }).next();
    expect(await record()).toMatchObject({ stored: 1 });
    expect(await record()).toMatchObject({ stored: 0, repeated: 1 });
    const all = ['anna', 'ben', 'carla', 'dora'];
    expect(reported).toEqual([
      [all, false, { id: 'msg' }],
      [all, true, { id: 'msg' }],
    ]);
    expect((await waiting).value).toEqual({
      id: customId.slice(0, 35),
      requesters: ['carla'],
      outcome: 'succeeded',
      response: { id: 'msg' },
    });
  });

  it('keeps requesters for as long as the latest plan, past their own ttlMs', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS, ttlMs: 30 * 24 * HOUR_MS });
    const old = await plan([request('A?', 'anna')]);
    await plan([request('A?', 'ben')]);
    await recordResults([failure(first(first(old.batches).items).customId)], { store });
    clock.pass(29 * 24 * HOUR_MS);
    const { batches } = await plan([request('A?', 'carla')]);
    await createBatch(first(batches), fakeApi(), { store });
    await plan([request('A?', 'dora')]);
    clock.pass(2 * 24 * HOUR_MS);
    const reported: string[] = [];
    await recordResults([success(first(first(batches).items).customId)], {
      store,
      onResult: ({ requesters }) => void reported.push(...requesters),
    });
    expect(reported.sort()).toEqual(['anna', 'ben', 'carla', 'dora']);
  });

  it('reports a result to the requesters of an expired plan', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    await plan([request('A?', 'anna')]);
    clock.pass(HOUR_MS);
    const { batches } = await plan([request('A?', 'ben')]);
    const reported: string[] = [];
    await recordResults([success(first(first(batches).items).customId)], {
      store,
      onResult: ({ requesters }) => void reported.push(...requesters),
    });
    expect(reported.sort()).toEqual(['anna', 'ben']);
  });

  it('stores each requester once', async () => {
    const { store, plan } = setUp(name);
    const recordCount = async () => {
      let count = 0;
      for await (const _ of store.list?.() ?? []) count++;
      return count;
    };
    await plan([request('A?', 'anna')]);
    await plan([request('A?', 'ben'), request('A?', 'carla')]);
    const before = await recordCount();
    await plan([request('A?', 'carla'), request('A?', 'anna')]);
    expect(await recordCount()).toBe(before);
  });

  it('lists at most 100 unknown ids', async () => {
    const { store } = setUp(name);
    const results = Array.from({ length: 150 }, (_, i) => success(`x${i}`));
    const { unknown, unknownIds } = await recordResults(results, { store });
    expect([unknown, unknownIds.length]).toEqual([150, 100]);
  });

  it.each(['errored', 'expired', 'canceled'])(
    'sends a request that %s again, once',
    async (type) => {
      const { store, plan } = setUp(name);
      const one = [request('A?', 'anna')];
      const old = first(first((await plan(one)).batches).items);
      expect(await recordResults([failure(old.customId, type)], { store })).toMatchObject({
        released: 1,
      });
      const next = first(first((await plan(one)).batches).items);
      expect(next.customId).not.toBe(old.customId);
      // Recording the first batch's failure again must not release the claim of the second batch.
      expect(await recordResults([failure(old.customId, type)], { store })).toMatchObject({
        released: 0,
        late: 1,
      });
      expect((await plan(one)).batches).toEqual([]);
      // A success from any batch counts.
      expect(await recordResults([success(old.customId)], { store })).toMatchObject({ stored: 1 });
      expect(await recordResults([success(next.customId, 'other')], { store })).toMatchObject({
        stored: 0,
        repeated: 1,
      });
      const { value } = await resultsOf(await plan(one), { store }).next();
      expect(value).toMatchObject({ requesters: ['anna'], response: { id: 'msg' } });
    },
  );

  it('stores the errors that storeErrors selects', async () => {
    const { store, plan } = setUp(name);
    const one = [request('A?', 'anna')];
    const { customId } = first(first((await plan(one)).batches).items);
    const storeErrors = ({ error }: { error?: unknown }) =>
      (error as { type: string }).type === 'error';
    expect(await recordResults([failure(customId)], { store, storeErrors })).toMatchObject({
      stored: 1,
      released: 0,
    });
    const again = await plan(one);
    expect(again.batches).toEqual([]);
    expect((await resultsOf(again, { store }).next()).value).toMatchObject({ outcome: 'errored' });
  });

  it.each([
    ['is an async function', async () => false],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
  ])('stores no error if storeErrors %s', async (_, storeErrors) => {
    const { store, plan } = setUp(name);
    const one = [request('A?', 'anna')];
    const { customId } = first(first((await plan(one)).batches).items);
    const options = { store, storeErrors: storeErrors as unknown as () => boolean };
    expect(await recordResults([failure(customId)], options)).toMatchObject({
      stored: 0,
      released: 1,
    });
    expect(bodies((await plan(one)).batches)).toEqual([['A?']]);
  });

  it('counts results of unknown requests, and repeated results in one call', async () => {
    const { store, plan } = setUp(name);
    const { customId } = first(first((await plan([request('A?', 'anna')])).batches).items);
    const unknownIds = [
      `${'ik_'.padEnd(35, '0')}-1`,
      'x',
      '',
      'ik_',
      `${customId}-1`,
      customId.slice(0, 35),
    ];
    const recorded = await recordResults(
      [...unknownIds.map((id) => success(id)), success(customId), success(customId)],
      { store },
    );
    expect(recorded).toEqual({
      stored: 1,
      released: 0,
      repeated: 1,
      late: 0,
      unknown: unknownIds.length,
      malformed: 0,
      unknownIds: expect.arrayContaining(unknownIds),
    });
  });
});
