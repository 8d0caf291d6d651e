import { describe, expect, it } from 'vitest';
import { createBatch, dropBatch, recordResults, resultsOf } from '../../src/batch/batch.js';
import { itemKey } from '../../src/batch/item.js';
import { Planner } from '../../src/batch/planner.js';
import type { Store } from '../../src/store/store.js';
import { hookedStore } from '../store/hooked-store.js';
import { bodies, failure, fakeApi, first, HOUR_MS, request, STORE_NAMES, setUp } from './plans.js';

const DAY_MS = 24 * HOUR_MS;
const id = `ik_${'1'.repeat(32)}`;

/** Plans one request as the program does, and returns how many requests are to be sent. */
async function planAs(store: Store, run: string, earlierRuns: readonly string[] = []) {
  const planner = new Planner(
    {
      ...{ store, run, earlierRuns: new Set(earlierRuns), provider: 'anthropic' },
      ...{ leaseMs: HOUR_MS, ttlMs: 30 * DAY_MS, onUnreadable: 'hold' },
      limits: { maxRequests: 9, maxBytes: 1000 },
    },
    { addItem() {} },
  );
  const route = { url: '/v1/messages', group: '', weight: 1 };
  await planner.add([{ id, ordinal: 0, requester: 'anna', route, body: '{}', byteCount: 2 }]);
  return planner.counts.toSend;
}

describe.each(STORE_NAMES)('a released claim on %s', (name) => {
  it('of an earlier run of a plan is claimed by the next run, although it had taken over another', async () => {
    const { clock, store } = setUp(name);
    let claimCount = 0;
    const bounded = hookedStore(
      {
        async claim(call) {
          if (++claimCount > 50) throw new Error('it claims again and again');
          return call();
        },
      },
      store,
    );
    // Each takes over the claim of the one before.
    for (const run of ['first', 'second', 'third']) {
      expect(await planAs(store, run)).toBe(1);
      clock.pass(2 * HOUR_MS);
    }
    const { record } = await store.read(itemKey(id));
    await store.release(itemKey(id), record?.owner as string);
    expect(await planAs(bounded, 'fourth', ['second'])).toBe(1);
  });

  it.each(['recorded', 'dropped', 'released'])(
    'that had taken over an abandoned one leaves nothing when its batch is %s',
    async (how) => {
      const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
      const one = [request('A?', 'anna')];
      const abandoned = await plan(one);
      clock.pass(2 * HOUR_MS);
      const next = await plan(one);
      const batch = first(next.batches);
      const record = () => recordResults([failure(first(batch.items).customId)], { store });
      if (how === 'released') await next.release();
      else {
        await createBatch(batch, fakeApi(), { store });
        if (how === 'dropped') expect(await dropBatch(batch.key, { store })).toBe(1);
        else {
          expect(await record()).toMatchObject({ released: 1 });
          expect(await record()).toMatchObject({ released: 0, repeated: 1 });
        }
      }
      const results = resultsOf(next, { store, wait: false });
      expect((await results.next()).value).toMatchObject({ outcome: 'released' });
      await expect(
        createBatch(first(abandoned.batches), fakeApi(), { store }),
      ).rejects.toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
      expect(bodies((await plan(one)).batches)).toEqual([['A?']]);
    },
  );

  it('of a plan that has lost a request is in the next plan at once', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    const both = [request('A?'), request('B?')];
    const late = await plan(both);
    clock.pass(2 * HOUR_MS);
    await plan([request('A?')]);
    await expect(createBatch(first(late.batches), fakeApi(), { store })).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
      message: expect.stringContaining('1 of its 2 items'),
    });
    expect(bodies((await plan(both)).batches)).toEqual([['B?']]);
  });
});
