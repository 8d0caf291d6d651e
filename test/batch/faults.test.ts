import { afterEach, describe, expect, it, vi } from 'vitest';
import { createBatch, dropBatch, planBatch } from '../../src/batch/batch.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { hookedStore } from '../store/hooked-store.js';
import { request as claimOf } from '../store/requests.js';

const requests = Array.from({ length: 20 }, (_, at) => ({
  params: { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: `question ${at}` }] },
}));
const api = { create: async () => ({ id: 'batch_1' }) };

/** A store that fails on the nth call from now on for an item or a batch. */
function failing() {
  let isItem = true;
  let action = '';
  let remaining = 0;
  const hook =
    (name: string, isLate = false) =>
    async (call: () => Promise<unknown>, key: string) => {
      const isTarget =
        action === name && key.startsWith('batch:ik_') === isItem && --remaining === 0;
      if (isTarget && !isLate) throw new Error('the store is down');
      const reply = await call();
      if (isTarget) throw new Error('its reply was lost');
      return reply;
    };
  const store = hookedStore({ claim: hook('claim', true), release: hook('release') });
  return {
    store,
    failAt(of: 'item' | 'batch', name: 'claim' | 'release', nth: number) {
      isItem = of === 'item';
      action = name;
      remaining = nth;
    },
  };
}

describe('a store that fails', () => {
  it('while planning leaves no claim', async () => {
    const { store, failAt } = failing();
    failAt('item', 'claim', 7);
    const plan = () => planBatch(requests, { store, provider: 'anthropic' });
    await expect(plan()).rejects.toThrow('its reply was lost');
    const { batches, inProgress } = await plan();
    expect([batches[0]?.items.length, inProgress]).toEqual([20, []]);
  });

  it('at the end of planning leaves no claim', async () => {
    let isDown = false;
    const store = hookedStore({
      async read(call, key) {
        if (isDown && !key.startsWith('batch:ik_')) throw new Error('the store is down');
        return call();
      },
    });
    const plan = (some: typeof requests) => planBatch(some, { store, provider: 'anthropic' });
    await plan(requests.slice(0, 5));
    isDown = true;
    await expect(plan(requests)).rejects.toThrow('the store is down');
    isDown = false;
    const { batches, inProgress } = await plan(requests);
    expect([batches[0]?.items.length, inProgress.length]).toEqual([15, 1]);
  });

  it('while releasing a plan: the next attempt releases the rest', async () => {
    const { store, failAt } = failing();
    const plan = () => planBatch(requests, { store, provider: 'anthropic' });
    const first = await plan();
    failAt('item', 'release', 7);
    await expect(first.release()).rejects.toThrow('the store is down');
    await first.release();
    expect((await plan()).batches[0]?.items.length).toBe(20);
  });

  it('while dropping a batch: the next attempt drops the rest', async () => {
    const { store, failAt } = failing();
    const plan = () => planBatch(requests, { store, provider: 'anthropic' });
    const [batch] = (await plan()).batches;
    if (batch === undefined) return expect.unreachable();
    await createBatch(batch, api, { store });
    failAt('item', 'release', 7);
    await expect(dropBatch(batch.key, { store })).rejects.toThrow('the store is down');
    expect(await dropBatch(batch.key, { store })).toBeLessThan(20);
    expect((await plan()).batches[0]?.items.length).toBe(20);
  });

  it('while locking a batch to drop: the next attempt drops it', async () => {
    const { store, failAt } = failing();
    const plan = () => planBatch(requests, { store, provider: 'anthropic' });
    const [batch] = (await plan()).batches;
    if (batch === undefined) return expect.unreachable();
    await createBatch(batch, api, { store });
    failAt('batch', 'claim', 1);
    await expect(dropBatch(batch.key, { store })).rejects.toThrow('its reply was lost');
    expect(await dropBatch(batch.key, { store })).toBe(20);
  });
});

describe('dropping a batch, paused longer than the lease at the end', () => {
  it('rejects if another process has claimed the batch', async () => {
    let nowMs = 1e12;
    const behind = memoryStore({ clock: () => nowMs });
    let isPaused = false;
    const store = hookedStore(
      {
        async release(call, key) {
          const reply = await call();
          if (!isPaused && key.startsWith('batch:ik_')) {
            isPaused = true;
            nowMs += 61_000;
            const taking = { takeUnknown: true, takeFinished: true };
            await behind.claim(batch.key, claimOf('other', taking));
          }
          return reply;
        },
      },
      behind,
    );
    const plan = await planBatch(requests, { store, provider: 'anthropic' });
    const batch = plan.batches[0] ?? expect.unreachable();
    await createBatch(batch, api, { store });
    await expect(dropBatch(batch.key, { store })).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
    });
  });
});

describe('releasing a plan slowly', () => {
  afterEach(() => void vi.useRealTimers());

  /** More than two windows of items. */
  const many = Array.from({ length: 1100 }, (_, at) => ({ params: { content: `${at}?` } }));

  /** Plans with a store on which each window of releases takes `pauseMs`. */
  async function planSlowly(pauseMs: number, onPause: (behind: Store) => Promise<void>) {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    const behind = memoryStore();
    let releaseCount = 0;
    const store = hookedStore(
      {
        async release(call, key) {
          if (key.startsWith('batch:ik_') && releaseCount++ % 512 === 0) {
            vi.advanceTimersByTime(pauseMs);
            await onPause(behind);
          }
          return call();
        },
      },
      behind,
    );
    return { store, plan: await planBatch(many, { store, provider: 'anthropic' }) };
  }

  it('locks the batch again after a pause longer than the lease', async () => {
    const { store, plan } = await planSlowly(61_000, async () => {});
    await plan.release();
    const next = await planBatch(many, { store, provider: 'anthropic' });
    expect(next.batches[0]?.items.length).toBe(1100);
  });

  it('renews the lock of the batch', async () => {
    const states: unknown[] = [];
    const { plan } = await planSlowly(20_000, async (behind) => {
      const { record, nowMs } = await behind.read(plan.batches[0]?.key ?? '');
      states.push([record?.state, Number(record?.leaseEndsAtMs) > nowMs]);
    });
    await plan.release();
    expect(states).toEqual([
      ['running', true],
      ['running', true],
      ['running', true],
    ]);
  });
});
