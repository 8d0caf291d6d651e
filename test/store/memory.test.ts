import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { storeConformance } from '../../src/store/conformance.js';
import { memoryStore } from '../../src/store/memory.js';
import type { ClaimRequest, Store } from '../../src/store/store.js';
import { HELD_TTL_MS } from '../../src/store/transition.js';
import { deep } from '../depth.js';
import { expectRejected, expectThrown } from '../errors/thrown.js';

describe('the memory store with a movable clock', () => {
  let nowMs = Date.now();
  const store = memoryStore({ clock: () => nowMs });
  const cases = storeConformance({
    open: () => store,
    moveClock(byMs) {
      nowMs += byMs;
    },
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the memory store with its default clock', () => {
  const store = memoryStore();
  for (const { name, run } of storeConformance({ open: () => store })) it(name, run);
});

const request: ClaimRequest = {
  owner: 'owner',
  leaseMs: 1000,
  ttlMs: 2000,
  fingerprint: undefined,
  takeUnknown: false,
  takeFinished: false,
};

describe('the clock of the memory store', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  const another: ClaimRequest = { ...request, owner: 'another', takeUnknown: true };

  it('is not set with that of the machine: leases and results last as long as they should', async () => {
    const realNow = Date.now;
    const nowMs = Date.now();
    const store = memoryStore();
    await store.claim('running', { ...request, leaseMs: 100 });
    await store.claim('finished', request);
    const completion = {
      state: 'done',
      codec: 'c',
      payload: new Uint8Array(),
      ttlMs: 100,
    } as const;
    await store.complete('finished', 'owner', completion);
    for (const byMs of [3_600_000, -3_600_000]) {
      vi.spyOn(Date, 'now').mockImplementation(() => realNow() + byMs);
      expect((await store.claim('running', another)).claimed).toBe(false);
      const read = await store.read('finished');
      expect(read.record?.state).toBe('done');
      expect(Math.abs(read.nowMs - nowMs)).toBeLessThan(60_000);
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await store.claim('running', another)).claimed).toBe(true);
    expect((await store.read('finished')).record).toBeUndefined();
  });

  it('follows fake timers, as a test that moves its time expects', async () => {
    const store = memoryStore();
    await store.claim('before', request);
    for (const [key, options] of Object.entries({ all: {}, date: { toFake: ['Date'] } })) {
      vi.useFakeTimers({ ...options, now: Date.now() } as never);
      expect((await store.claim('before', another)).claimed).toBe(false);
      await store.claim(key, request);
      vi.advanceTimersByTime(999);
      expect((await store.claim(key, another)).claimed).toBe(false);
      vi.advanceTimersByTime(1);
      expect((await store.claim(key, another)).claimed).toBe(true);
      vi.setSystemTime(Date.now() + 3000);
      expect((await store.read(key)).record).toBeUndefined();
      vi.useRealTimers();
    }
    // The fake time has ended with its test.
    expect((await store.claim('before', another)).claimed).toBe(false);
    vi.setSystemTime(Date.now() + 3000);
    expect((await store.read('before')).record).toBeUndefined();
  });
});

describe('the memory store is bounded', () => {
  const finish = async (store: Store, key: string, payload: Uint8Array) => {
    await store.claim(key, request);
    return store.complete(key, 'owner', { state: 'done', codec: 'c', payload, ttlMs: 10_000 });
  };
  const keysIn = async (store: Store) => {
    const keys: string[] = [];
    for await (const { key } of store.list?.() ?? []) keys.push(key);
    return keys;
  };
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const bytesInUse = async () => {
    // Buffers are freed in the background, after the collection that found them.
    for (let turn = 0; turn < 3; turn++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };

  const KEYS = deep(100_000, 1_000_000);
  it(`in its records: of ${KEYS} keys as many stay as there is room for`, async () => {
    const maxEntries = 10_000;
    const store = memoryStore({ maxEntries });
    const before = await bytesInUse();
    for (let index = 0; index < KEYS; index++) {
      // A view of a much larger buffer, as a codec may return.
      const payload = index % 10 === 0 ? new Uint8Array(20_000).subarray(0, 9) : new Uint8Array(9);
      await finish(store, `key-${index}`, payload);
    }
    const growth = (await bytesInUse()) - before;
    const keys = await keysIn(store);
    expect(keys).toHaveLength(maxEntries);
    expect(new Set(keys)).toContain(`key-${KEYS - 1}`);
    // If the store kept the views, these alone would take 2000 bytes per entry.
    expect(growth / maxEntries).toBeLessThan(1500);
  });

  it('in runs without an outcome: those that no decision waits for go, the others stay', async () => {
    let nowMs = Date.now();
    const store = memoryStore({ maxEntries: 2, clock: () => nowMs });
    await store.claim('held', { ...request, leaseMs: 1000, ttlMs: HELD_TTL_MS });
    await store.claim('lost', { ...request, leaseMs: 1000, ttlMs: 10_000 });
    await expect(store.claim('next', request)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE_FULL',
    });
    nowMs += 1000;
    expect((await store.claim('next', request)).claimed).toBe(true);
    expect((await keysIn(store)).sort()).toEqual(['held', 'next']);
    await expect(store.claim('last', request)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE_FULL',
      message: expect.stringContaining('are running or wait for a decision'),
    });
  });

  it('in the bytes of its results: the oldest go first', async () => {
    const store = memoryStore({ maxBytes: 1_005_000 });
    for (let index = 0; index < 200; index++) {
      await finish(store, `key-${index}`, new Uint8Array(10_000));
    }
    const youngest = Array.from({ length: 100 }, (_, index) => `key-${index + 100}`);
    expect((await keysIn(store)).sort()).toEqual(youngest.sort());
    // The bytes of evicted and replaced records are free again.
    for (let index = 100; index < 200; index++) await store.evict(`key-${index}`);
    for (let index = 0; index < 100; index++) {
      await finish(store, `next-${index}`, new Uint8Array(10_000));
    }
    expect(await keysIn(store)).toHaveLength(100);
  });

  it('in the bytes of one result: a result larger than maxBytes is rejected and changes nothing', async () => {
    const store = memoryStore({ maxBytes: 1000, clock: () => 1 });
    const { record } = await store.claim('key', request);
    const payload = new Uint8Array(1001);
    const completion = { state: 'done', codec: 'c', payload, ttlMs: 1000 } as const;
    const full = { code: 'SAMEKEY_STORE_FULL' } as const;
    await expectRejected(store.complete('key', 'owner', completion), RangeError, full);
    expect((await store.read('key')).record).toEqual(record);
    const fits = { ...completion, payload: new Uint8Array(1000) };
    expect(await store.complete('key', 'owner', fits)).toBe(true);
  });

  it('also while keys run again, and each of them is listed once', async () => {
    const store = memoryStore({ maxEntries: 3, clock: () => 1 });
    for (const key of ['a', 'b', 'c']) await finish(store, key, new Uint8Array());
    const again = { ...request, takeFinished: true };
    for (const key of ['b', 'c']) await store.claim(key, { ...again, owner: 'again' });
    expect((await keysIn(store)).sort()).toEqual(['a', 'b', 'c']);
    await store.claim('d', request);
    // All finished records were dropped, so the running ones have no former record.
    expect((await keysIn(store)).sort()).toEqual(['b', 'c', 'd']);
    expect(await store.release('b', 'again')).toBe(true);
    expect((await keysIn(store)).sort()).toEqual(['c', 'd']);
  });

  it('in what runs: no record makes room under a valid lease', async () => {
    let nowMs = 0;
    const store = memoryStore({ maxEntries: 3, clock: () => nowMs });
    await finish(store, 'finished', new Uint8Array());
    const held = { ...request, ttlMs: HELD_TTL_MS };
    for (const key of ['a', 'b', 'c']) await store.claim(key, held);
    expect((await keysIn(store)).sort()).toEqual(['a', 'b', 'c']);
    const full = { code: 'SAMEKEY_STORE_FULL' } as const;
    await expectRejected(store.claim('d', request), RangeError, full);
    expect((await store.claim('a', held)).claimed).toBe(true);
    nowMs = 1500;
    // Their outcome is unknown, and the store does not forget what waits for a decision.
    await expectRejected(store.claim('d', request), RangeError, full);
    nowMs = HELD_TTL_MS + 500;
    expect((await store.claim('d', request)).claimed).toBe(true);
  });

  it('in time: expired records are dropped when new ones are added', async () => {
    let nowMs = 0;
    const store = memoryStore({ clock: () => nowMs });
    for (let index = 0; index < 100; index++) await finish(store, `a-${index}`, new Uint8Array(9));
    nowMs = 20_000;
    const before = await keysIn(store);
    for (let index = 0; index < 100; index++) await finish(store, `b-${index}`, new Uint8Array(9));
    expect(before).toEqual([]);
    // If they were still stored, they would be visible after the clock is set back.
    nowMs = 0;
    expect((await keysIn(store)).filter((key) => key.startsWith('a'))).toEqual([]);
  });

  it('in its options: whole numbers from 1', () => {
    const wrong = { code: 'SAMEKEY_BAD_ARGUMENT' } as const;
    for (const maxEntries of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expectThrown(() => memoryStore({ maxEntries }), RangeError, wrong);
    }
    for (const options of [
      null,
      { maxEntries: '1' },
      { maxBytes: null },
      { clock: 1 },
      { ttl: 1 },
    ]) {
      expectThrown(() => memoryStore(options as never), TypeError, wrong);
    }
  });
});
