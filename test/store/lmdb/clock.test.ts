import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Database, open } from 'lmdb';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { ANCHOR_KEY, type Anchor } from '../../../src/store/lmdb/machine-clock.js';
import { lmdbStore } from '../../../src/store/lmdb.js';
import type { Store } from '../../../src/store/store.js';
import { request } from '../requests.js';

const PROGRAM = fileURLToPath(new URL('../process.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const CLAIM = request('owner', { ttlMs: HOUR_MS, takeUnknown: true });
const another = { ...CLAIM, owner: 'another' };

/** Sets the wall clock of this process `byMs` forward. */
function step(byMs: number): void {
  const now = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => now() + byMs);
}

/** Opens the database with LMDB alone. */
async function inDatabase<T>(path: string, act: (database: Database<Anchor, symbol>) => T) {
  const database = open<Anchor, symbol>({ path, noSubdir: false, useVersions: true });
  const result = await act(database);
  await database.close();
  return result;
}
const anchorIn = (path: string) => inDatabase(path, (database) => database.get(ANCHOR_KEY));

/** Simulates a boot. `reachedMs` is the time that the database had reached. */
async function reboot(path: string, bootId: string, reachedMs?: number): Promise<void> {
  const [startMs, monotonicMs, , lastMs] = (await anchorIn(path)) as Anchor;
  const anchor: Anchor = [startMs, monotonicMs, bootId, reachedMs ?? lastMs, 0];
  await inDatabase(path, (database) => database.put(ANCHOR_KEY, anchor, 1));
}

async function using<T>(path: string, act: (store: Store) => Promise<T>): Promise<T> {
  const store = lmdbStore({ path });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

describe('a lease in an LMDB store, when the wall clock is set forward', () => {
  it('is not over in a process that sees the new time while another one runs', async () => {
    const path = join(folder, 'processes');
    await using(path, async (store) => {
      await store.claim('running', { ...CLAIM, leaseMs: HOUR_MS });
      const stepped = `data:text/javascript,const now = Date.now; Date.now = () => now() + ${DAY_MS};`;
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ['--import', stepped, PROGRAM, path, 'claim', 'running', 'free'],
        { input: 'go\n', encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      expect(stdout.trim().split('\n')).toEqual(['ready', '["free"]']);
      expect((await store.read('running')).record?.attempt).toBe(1);
    });
  });

  it('is not over in this process, nor does it last longer when it is set back', async () => {
    await using(join(folder, 'stepped'), async (store) => {
      const { record } = await store.claim('key', CLAIM);
      await store.claim('short', { ...CLAIM, leaseMs: 50 });
      step(DAY_MS);
      expect((await store.claim('key', another)).claimed).toBe(false);
      vi.restoreAllMocks();
      step(-DAY_MS);
      const { nowMs } = await store.read('key');
      expect(nowMs).toBeGreaterThanOrEqual(record.claimedAtMs);
      await expect.poll(async () => (await store.claim('short', another)).claimed).toBe(true);
    });
  });

  it('goes by the clock that is given, if one is', async () => {
    let nowMs = 1000;
    const path = join(folder, 'given');
    const store = lmdbStore({ path, clock: () => nowMs });
    await store.claim('key', CLAIM);
    nowMs += 2 * MINUTE_MS;
    expect((await store.claim('key', another)).record.attempt).toBe(2);
    await store.close();
    expect(await anchorIn(path)).toBeUndefined();
  });

  it('and by fake timers, as a test that moves its time expects', async () => {
    const path = join(folder, 'fake timers');
    vi.useFakeTimers({ toFake: ['Date', 'hrtime', 'performance'] });
    vi.setSystemTime('2040-01-01');
    await using(path, async (store) => {
      const { nowMs } = await store.claim('key', CLAIM);
      expect(new Date(nowMs).getUTCFullYear()).toBe(2040);
      vi.advanceTimersByTime(2 * MINUTE_MS);
      expect((await store.claim('key', another)).claimed).toBe(true);
      vi.setSystemTime('2041-01-01');
      expect((await store.read('key')).record).toBeUndefined();
    });
    vi.useRealTimers();
    // An invalid time must not be stored for other processes.
    expect(await anchorIn(path)).toBeUndefined();
  });
});

describe('the clock of an LMDB store', () => {
  it('is one for all that open it, and is found nowhere among its records', async () => {
    const path = join(folder, 'shared');
    const times: number[] = [];
    for (const byMs of [0, DAY_MS, -DAY_MS, 5 * DAY_MS]) {
      vi.restoreAllMocks();
      step(byMs);
      await using(path, async (store) => {
        times.push((await store.read('key')).nowMs);
        for await (const { key } of store.list?.() ?? []) expect(key).toBe('none');
      });
    }
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeLessThan(HOUR_MS);
  });

  it('is one though a process read its clock before another one took the anchor', async () => {
    const path = join(folder, 'at-once');
    const readClock = process.hrtime.bigint.bind(process.hrtime);
    const stores: Store[] = [];
    let isFirst = true;
    vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => {
      const reading = readClock();
      if (isFirst) {
        isFirst = false;
        stores.push(lmdbStore({ path }));
      }
      return reading;
    });
    stores.push(lmdbStore({ path }));
    const times = await Promise.all(stores.map((store) => store.read('key')));
    const [one, two] = times.map(({ nowMs }) => nowMs) as [number, number];
    expect(Math.abs(one - two)).toBeLessThan(10_000);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('opens a database that was made without one, and ends no lease in it', async () => {
    const path = join(folder, 'older');
    const older = lmdbStore({ path, clock: () => Date.now() });
    await older.claim('key', CLAIM);
    await older.close();
    await using(path, async (store) => {
      expect((await store.claim('key', another)).claimed).toBe(false);
      expect(await store.renew('key', 'owner', MINUTE_MS)).toBe(true);
    });
  });
});

describe('after the machine was booted', () => {
  it('no earlier owner has a lease, and finished records are still there', async () => {
    const path = join(folder, 'booted');
    await using(path, async (store) => {
      await store.claim('running', { ...CLAIM, leaseMs: HOUR_MS });
      await store.claim('finished', CLAIM);
      const payload = new Uint8Array([1]);
      const completion = { state: 'done', codec: 'c', payload, ttlMs: HOUR_MS } as const;
      await store.complete('finished', 'owner', completion);
    });
    await reboot(path, 'another boot');
    await using(path, async (store) => {
      const { record, nowMs } = await store.read('running');
      expect(record?.leaseEndsAtMs).toBeLessThanOrEqual(nowMs);
      const held = await store.claim('running', { ...another, takeUnknown: false });
      expect(held.claimed).toBe(false);
      const { record: taken } = await store.claim('running', another);
      expect(taken.attempt).toBe(2);
      expect((await store.claim('finished', another)).record.state).toBe('done');
      // Leases of this boot are valid.
      const third = { ...CLAIM, owner: 'third' };
      expect((await store.claim('running', third)).claimed).toBe(false);
    });
  });

  it('time continues after the last reached time, however far the wall clock is behind', async () => {
    const path = join(folder, 'behind');
    const before = await using(path, (store) => store.claim('running', CLAIM));
    const reachedMs = before.nowMs + 10 * DAY_MS;
    await reboot(path, 'another boot', reachedMs);
    await using(path, async (store) => {
      const { nowMs } = await store.read('running');
      expect(nowMs).toBeGreaterThan(reachedMs);
      expect(nowMs).toBeLessThan(reachedMs + HOUR_MS);
    });
  });

  it('the time that was reached is kept, every ten seconds of writing', async () => {
    const path = join(folder, 'reached');
    await using(path, (store) => store.claim('a', CLAIM));
    const first = (await anchorIn(path)) as Anchor;
    // Makes the database older by a minute.
    const older: Anchor = [first[0], first[1] - MINUTE_MS, first[2], first[3], 0];
    await inDatabase(path, (database) => database.put(ANCHOR_KEY, older, 1));
    const { nowMs } = await using(path, (store) => store.claim('b', CLAIM));
    expect(nowMs - first[0]).toBeGreaterThanOrEqual(MINUTE_MS);
    const [startMs, monotonicMs, bootId, reachedMs, aliveSinceMs] = (await anchorIn(
      path,
    )) as Anchor;
    expect([startMs, monotonicMs, bootId, aliveSinceMs]).toEqual([...older.slice(0, 3), 0]);
    // It is read when the transaction begins, after that of the record.
    expect(reachedMs).toBeGreaterThanOrEqual(nowMs);
    expect(reachedMs).toBeLessThan(nowMs + MINUTE_MS);
  });
});
