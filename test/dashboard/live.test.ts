import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Dashboard } from '../../src/dashboard/server.js';
import { memoryStore } from '../../src/store/memory.js';
import { CLI_STORES, type CliStore } from '../cli/stores.js';
import { request } from '../store/requests.js';
import { startDashboard, type Visitor, visit } from './program.js';
import { keyNumber } from './records.js';
import { serveDashboard } from './served.js';

let dashboard: Dashboard;
let page: Visitor;
const store = memoryStore();

beforeAll(async () => {
  ({ dashboard, page } = await serveDashboard({ source: 'proxy', store, hasCalls: true }));
});
afterAll(() => dashboard.close());

describe('the live stream', () => {
  const call = { outcome: 'executed', key: 'k', runMs: 5 } as const;

  it('begins with all buckets, and goes on with those that changed', async () => {
    const old = Date.now() - 60_000;
    dashboard.tally.count({ ...call, atMs: old });
    const live = await page.live();
    await expect.poll(() => live.messages.length).toBe(1);
    const [first] = live.messages;
    expect(first?.buckets).toHaveLength(1);
    expect(first?.totals.executed).toBe(1);
    dashboard.tally.count({ ...call, atMs: Date.now(), outcome: 'replayed' });
    await expect.poll(() => live.last()?.totals.replayed).toBe(1);
    const starts = live.last()?.buckets.map(({ startMs }) => startMs) ?? [];
    expect(starts.every((startMs) => startMs > old)).toBe(true);
    // A page that comes later gets all of them.
    const other = await page.live();
    await expect.poll(() => other.last()?.buckets.length).toBe(2);
    other.close();
    live.close();
  });

  it('tells that a lease has ended, although nobody wrote to the store', async () => {
    await store.claim(keyNumber(1), request('o'));
    const live = await page.live();
    await expect.poll(() => live.last()?.runningCount).toBe(1);
    await store.renew(keyNumber(1), 'o', 1500);
    await expect.poll(() => live.last()?.unknownCount).toBe(1);
    expect(live.last()).toMatchObject({ runningCount: 0, unknown: [{ key: keyNumber(1) }] });
    live.close();
  });

  it('says at times that it is there, although nothing has changed', async () => {
    const live = await page.live();
    await expect.poll(() => live.messages.length).toBeGreaterThan(2);
    const [a, b] = live.messages.slice(-2);
    expect((b?.nowMs ?? 0) - (a?.nowMs ?? 0)).toBeGreaterThan(0);
    live.close();
  });

  it('has a timer only while a page is connected', async () => {
    const started = vi.spyOn(globalThis, 'setInterval');
    const cleared = vi.spyOn(globalThis, 'clearInterval');
    const of = (calls: readonly unknown[][]) => calls.filter(([, ms]) => ms === 1000).length;
    const [first, second] = [await page.live(), await page.live()];
    await expect.poll(() => second.messages.length).toBeGreaterThan(0);
    expect(of(started.mock.calls)).toBe(1);
    first.close();
    second.close();
    const at = started.mock.calls.findIndex(([, ms]) => ms === 1000);
    const timer = started.mock.results[at]?.value;
    await expect.poll(() => cleared.mock.calls.some(([each]) => each === timer)).toBe(true);
    vi.restoreAllMocks();
  });

  it('asks a server in front of it to pass each message on at once', async () => {
    const live = await page.live();
    expect(live.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    live.close();
  });

  it('is for a bounded number of pages', async () => {
    const streams = await Promise.all(Array.from({ length: 16 }, () => page.live()));
    const reply = await page.get('/api/live');
    expect([reply.status, reply.json.code]).toEqual([503, 'SAMEKEY_OVERLOADED']);
    for (const live of streams) live.close();
    await expect
      .poll(async () => {
        const live = await page.live();
        await new Promise((resolve) => setTimeout(resolve, 50));
        const count = live.messages.length;
        live.close();
        return count;
      })
      .toBeGreaterThan(0);
  });
});

describe('samekey dashboard', () => {
  let place: CliStore | undefined;
  afterEach(() => place?.end());

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends at once on %s, with pages connected',
    async (signal) => {
      place = await CLI_STORES.find(({ name }) => name === 'LMDB')?.open();
      const program = await startDashboard(place?.address ?? []);
      const visitor = await visit(program.link);
      const live = await visitor.live();
      await expect.poll(() => live.messages.length).toBeGreaterThan(0);
      expect(await program.stop(signal)).toBe(0);
    },
  );
});
