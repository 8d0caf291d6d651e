import { afterEach, describe, expect, it, vi } from 'vitest';
import { memoryStore } from '../../src/store/memory.js';
import type { Store, StoreEntry } from '../../src/store/store.js';
import { request } from '../store/requests.js';
import { keyNumber, put } from './records.js';
import { type ServedDashboard, serveDashboard } from './served.js';

const KEY = keyNumber(1);
const SILENT_MS = 5000;

/** A promise that the test resolves. */
function deferred() {
  let resolve = () => {};
  const promise = new Promise<void>((each) => {
    resolve = each;
  });
  return { promise, resolve: () => resolve() };
}

/** The listing of a store, with something between its records. */
function listing(store: Store, between: (entry: StoreEntry) => Promise<unknown>): Store['list'] {
  const list = store.list?.bind(store);
  return async function* (options) {
    for await (const entry of list?.(options) ?? []) {
      yield entry;
      await between(entry);
    }
  };
}

let served: ServedDashboard | undefined;
afterEach(() => {
  vi.useRealTimers();
  served?.close();
});

/** Serves a store. The time of the dashboard stands still until the test moves it. */
async function serve(store: Store) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  served = await serveDashboard({ store, allowEvict: true });
  return served.page;
}

describe('a record that is evicted', () => {
  it('while the store is listed does not come back with that list', async () => {
    const base = memoryStore();
    await put(base, KEY);
    await put(base, keyNumber(2));
    const [listed, resumed] = [deferred(), deferred()];
    const store = Object.assign(base, {
      list: listing(base, () => {
        listed.resolve();
        return resumed.promise;
      }),
    });
    const page = await serve(store);
    const looking = page.get('/api/records');
    await listed.promise;
    expect((await page.post(`/api/evict?key=${KEY}`)).json).toEqual({ outcome: 'evicted' });
    resumed.resolve();
    expect((await looking).json).toMatchObject({ matchCount: 1, records: [{ key: keyNumber(2) }] });
    const live = await page.live();
    await expect.poll(() => live.last()?.recordCount).toBe(1);
    expect(live.last()?.recordBytes).toBe(7);
    live.close();
    // The next list has a record that was claimed again.
    await put(base, KEY);
    vi.advanceTimersByTime(60_000);
    await page.get('/api/records');
    await expect.poll(async () => (await page.get('/api/records')).json.matchCount).toBe(2);
  });

  it.each([true, false])('later than the answer is hidden if the store says %s', async (answer) => {
    const base = memoryStore();
    await put(base, KEY);
    const [asked, resumed] = [deferred(), deferred()];
    const store = Object.assign(base, {
      async evict() {
        asked.resolve();
        await resumed.promise;
        return answer;
      },
    });
    const page = await serve(store);
    expect((await page.get('/api/records')).json.matchCount).toBe(1);
    const evicting = page.post(`/api/evict?key=${KEY}`);
    await asked.promise;
    vi.advanceTimersByTime(SILENT_MS);
    const { status, json } = await evicting;
    expect([status, json.code, json.detail]).toEqual([
      503,
      'SAMEKEY_STORE',
      'The store has not confirmed the eviction, so the record may be evicted: no answer within 5 s',
    ]);
    resumed.resolve();
    const count = async () => (await page.get('/api/records')).json.matchCount;
    await expect.poll(count).toBe(answer ? 0 : 1);
  });
});

describe('a search for a whole key', () => {
  it('finds a record that was claimed again after it had expired in the last list', async () => {
    const store = memoryStore();
    const page = await serve(store);
    await store.claim(KEY, request('a', { leaseMs: 1000, ttlMs: 1500 }));
    expect((await page.get('/api/records')).json.matchCount).toBe(1);
    vi.advanceTimersByTime(1900);
    expect((await page.get(`/api/records?search=${KEY}`)).json.matchCount).toBe(0);
    await put(store, KEY);
    const { json } = await page.get(`/api/records?search=${KEY}`);
    expect(json).toMatchObject({ matchCount: 1, records: [{ key: KEY, state: 'done' }] });
  });
});

describe('a store that is silent before it was listed', () => {
  it('is a problem after 5 s, and at once from then on', async () => {
    const asked = deferred();
    const store = Object.assign(memoryStore(), {
      read() {
        asked.resolve();
        return new Promise<never>(() => {});
      },
    });
    const page = await serve(store);
    const looking = page.get('/api/records');
    await asked.promise;
    vi.advanceTimersByTime(SILENT_MS + 100);
    for (const reply of [await looking, await page.get('/api/records')]) {
      expect([reply.status, reply.json.code, reply.json.detail]).toEqual([
        503,
        'SAMEKEY_STORE',
        'The store cannot be read: The store does not answer for 5 s.',
      ]);
    }
  });

  it('is shown as far as it was listed if the list goes on', async () => {
    const base = memoryStore();
    for (let number = 0; number < 3; number++) await put(base, keyNumber(number));
    const second = deferred();
    let listedCount = 0;
    const store = Object.assign(base, {
      list: listing(base, () => {
        listedCount++;
        if (listedCount === 1) vi.advanceTimersByTime(SILENT_MS - 1000);
        if (listedCount < 2) return Promise.resolve();
        second.resolve();
        return new Promise<never>(() => {});
      }),
    });
    const page = await serve(store);
    const looking = page.get('/api/records');
    await second.promise;
    vi.advanceTimersByTime(2000);
    const { status, json } = await looking;
    expect(status).toBe(200);
    expect(json).toMatchObject({ isWhole: false, matchCount: 2 });
  });
});
