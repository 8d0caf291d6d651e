import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MAX_LOOK_BYTES } from '../../src/dashboard/store-watch.js';
import { memoryStore } from '../../src/store/memory.js';
import type { StoreRecord } from '../../src/store/store.js';
import { ROOT } from '../cli/program.js';
import { isDeep } from '../depth.js';
import { serveDashboard } from './served.js';

const hash = (number: number) =>
  `ik_${((number * 2_654_435_761) >>> 0).toString(16).padStart(64, '0')}`;

/** A store with so many records, in any order. */
function largeStore(count: number, keyOf = hash) {
  const record: StoreRecord = {
    state: 'done',
    owner: 'o',
    fencingToken: 1,
    attempt: 1,
    fingerprint: undefined,
    claimedAtMs: Date.now(),
    leaseEndsAtMs: Date.now(),
    expiresAtMs: Date.now() + 3_600_000,
    finishedAtMs: Date.now(),
    codec: 'json',
    payload: undefined,
  };
  return Object.assign(memoryStore(), {
    async *list() {
      for (let number = 0; number < count; number++) {
        yield { key: keyOf(number), record, payloadBytes: 10 };
      }
    },
  });
}

describe('a store with 100,000 records', () => {
  const COUNT = 100_000;

  it('is shown whole, in the order of its keys', async () => {
    const { dashboard, page } = await serveDashboard({ store: largeStore(COUNT) });
    const { json } = await page.get('/api/records?limit=500');
    expect(json).toMatchObject({ matchCount: COUNT, isWhole: true });
    const keys = Array.from({ length: COUNT }, (_, number) => hash(number)).sort();
    expect(json.records.map(({ key }: { key: string }) => key)).toEqual(keys.slice(0, 500));
    const middle = keys[50_000] as string;
    const later = await page.get(`/api/records?limit=3&after=${middle}`);
    expect(later.json.records.map(({ key }: { key: string }) => key)).toEqual(
      keys.slice(50_001, 50_004),
    );
    const last = await page.get(`/api/records?limit=3&after=${keys.at(-2)}`);
    expect([last.json.records.length, last.json.next]).toEqual([1, undefined]);
    dashboard.close();
  });

  it('does not hold up the rest of the program while it is read', async () => {
    const { dashboard, page } = await serveDashboard({ store: largeStore(COUNT) });
    let isDone = false;
    let turns = 0;
    const turn = () => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    turn();
    await page.get('/api/records');
    isDone = true;
    // Without pauses the list, which never waits, and the sorting would be one turn each.
    expect(turns).toBeGreaterThan(20);
    dashboard.close();
  });
});

describe('a store with more records than memory is for', () => {
  it.runIf(isDeep)('is shown as far as the bound, and says so', async () => {
    const { dashboard, page } = await serveDashboard({
      store: largeStore(Number.POSITIVE_INFINITY),
    });
    const { json } = await page.get('/api/records?limit=1');
    // 200 bytes for a row, and two for each of the 67 characters of a key.
    expect(json).toMatchObject({
      isWhole: false,
      matchCount: Math.floor(MAX_LOOK_BYTES / 334),
    });
    dashboard.close();
  });

  it('is bounded by the length of its keys as well', async () => {
    const keyOf = (number: number) => `${number}${'k'.repeat(number % 2 === 0 ? 1000 : 5000)}`;
    const { dashboard, page } = await serveDashboard({ store: largeStore(10_000, keyOf) });
    const { json } = await page.get('/api/records?limit=1');
    // Keys of more than 1,024 characters are left out.
    expect(json).toMatchObject({ isWhole: false, matchCount: 5000 });
    dashboard.close();
  });
});

describe('the counts of calls', () => {
  it('take a megabyte at most after 100,000 calls, whatever their keys are', async () => {
    const script = `
      import { createDashboard } from ${JSON.stringify(`${ROOT}dist/dashboard/server.js`)};
      const { tally } = createDashboard({ version: '0', source: 'proxy', store: {}, hasCalls: true });
      const outcomes = ['executed', 'joined', 'replayed', 'failed', 'unknown', 'refused'];
      const key = (i) => String(i).padEnd(i % 7 === 0 ? 600 : 512, '\\u00fc\\u4e2d');
      const fill = (from, to) => {
        for (let i = from; i < to; i++) {
          const outcome = outcomes[i % 6];
          const call = { atMs: Date.now() + i * 100, outcome, key: key(i), runMs: i % 1000 };
          tally.count({ ...call, model: 'm'.repeat(5000) + i, temperature: 1 });
          tally.save({ inputTokens: 1, outputTokens: 1, cost: 1, currency: 'C'.repeat(10) + i });
        }
      };
      const used = () => {
        for (let i = 0; i < 4; i++) gc();
        return process.memoryUsage().heapUsed;
      };
      const before = used();
      fill(0, 100_000);
      const after = used();
      console.log(JSON.stringify({ bytes: after - before, rows: tally.slowest().length + tally.repeatedWarm().length }));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      '--input-type=module',
      '--eval',
      script,
    ]);
    const { bytes, rows } = JSON.parse(stdout);
    expect(rows).toBe(40);
    // Compiled code of the script is in the heap as well.
    expect(bytes).toBeLessThan(1024 * 1024 + 512 * 1024);
  });
});
