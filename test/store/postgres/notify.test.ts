import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { postgresStore } from '../../../src/store/postgres.js';
import type { Store } from '../../../src/store/store.js';
import { deep } from '../../depth.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { eventually, outcome, request, sleep } from './scene.js';

describeWith('PostgreSQL', hasPostgres, 'the notifications of the PostgreSQL store', () => {
  let server: PostgresServer;
  let pools: pg.Pool[];
  let store: Store;
  let other: Store;
  let listener: pg.Client;
  let heard: string[];
  beforeAll(async () => {
    server = await startPostgres();
    pools = [1, 2].map(() => new pg.Pool({ connectionString: server.url, max: 8 }));
    for (const pool of pools) pool.on('error', () => {});
    await postgresStore({ pool: pools[0] as pg.Pool }).migrate();
    listener = new pg.Client(server.url);
    await listener.connect();
    listener.on('notification', ({ payload = '' }) => heard.push(payload));
    await listener.query('LISTEN samekey_records');
  });
  beforeEach(() => {
    heard = [];
    [store, other] = pools.map((pool): Store => postgresStore({ pool })) as [Store, Store];
  });
  afterEach(async () => {
    await store.close();
    await other.close();
  });
  afterAll(async () => {
    await listener?.end();
    for (const pool of pools ?? []) await pool.end();
    await server?.stop();
  });

  /** Returns what was heard until now, after a notification that is sent last. */
  async function heardSoFar(): Promise<string[]> {
    const last = randomKey();
    await pools[0]?.query(`SELECT pg_notify('samekey_records', $1)`, [last]);
    await eventually(() => heard.includes(last)).toBe(true);
    return heard.splice(0).filter((payload) => payload !== last && !payload.includes('proof'));
  }
  const refused = { takeUnknown: false, takeFinished: false };
  const brief = { leaseMs: 1, takeUnknown: true };

  it.each(['one', 'many'])('are sent where a claim was refused, with %s', async (count) => {
    const size = count === 'one' ? 1 : 20;
    const [quiet, awaited, released, quietly] = [1, 2, 3, 4].map(() =>
      Array.from({ length: size }, () => randomKey()),
    ) as [string[], string[], string[], string[]];
    const each = (keys: string[], act: (key: string) => Promise<unknown>) =>
      Promise.all(keys.map(act));
    for (const keys of [quiet, awaited, released, quietly]) {
      await each(keys, (key) => store.claim(key, request('a')));
    }
    for (const keys of [awaited, released]) {
      await each(keys, (key) => other.claim(key, { ...request('b'), ...refused }));
    }
    expect(await heardSoFar()).toEqual([]);
    await each(quiet, (key) => store.complete(key, 'a', outcome));
    await each(quietly, (key) => store.release(key, 'a'));
    // A claim that a finished record refused waits for nothing.
    await each(quiet, (key) => other.claim(key, { ...request('b'), ...refused }));
    await each(quiet, (key) => store.complete(key, 'a', outcome));
    expect(await heardSoFar()).toEqual([]);
    await each(awaited, (key) => store.complete(key, 'a', outcome));
    expect((await heardSoFar()).sort()).toEqual(awaited.sort());
    await each(released, (key) => store.release(key, 'a'));
    expect((await heardSoFar()).sort()).toEqual(released.sort());
  });

  it('are sent once a lease is ended, and where a record is evicted', async () => {
    const key = randomKey();
    await store.claim(key, request('a'));
    await store.renew(key, 'a', 60_000);
    expect(await heardSoFar()).toEqual([]);
    await store.renew(key, 'a', 0);
    expect(await heardSoFar()).toEqual([key]);
    await store.evict(key);
    expect(await heardSoFar()).toEqual([key]);
  });

  it('are sent after a takeover, to those whom the earlier run refused', async () => {
    const key = randomKey();
    await store.claim(key, request('a'));
    expect((await other.claim(key, { ...request('w'), ...refused })).claimed).toBe(false);
    await store.renew(key, 'a', 1);
    await sleep(5);
    for (const owner of ['b', 'c']) {
      expect((await store.claim(key, { ...request(owner), ...brief })).claimed).toBe(true);
      await sleep(5);
    }
    expect(await heardSoFar()).toEqual([]);
    await store.complete(key, 'c', outcome);
    expect(await heardSoFar()).toEqual([key]);
  });

  it('leave what a release restores as it was', async () => {
    const key = randomKey();
    await store.claim(key, request('a'));
    await store.complete(key, 'a', outcome);
    const before = (await store.read(key)).record;
    await store.claim(key, request('b'));
    expect((await other.claim(key, { ...request('w'), ...refused })).claimed).toBe(false);
    const { record } = await other.claim(key, { ...request('w'), ...refused });
    expect(record).toEqual((await store.read(key)).record);
    await store.release(key, 'b');
    expect(await heardSoFar()).toEqual([key]);
    const { fencingToken } = record;
    expect((await store.read(key)).record).toEqual({ ...before, fencingToken });
  });

  it('reach a caller that watches without a claim, in the process that completes', async () => {
    const key = randomKey();
    await store.claim(key, request('a'));
    await store.watch?.(key, () => {});
    await store.complete(key, 'a', outcome);
    expect(await heardSoFar()).toEqual([key]);
  });

  it('reach every caller that was refused while the run ended', { timeout: 120_000 }, async () => {
    // The connection for LISTEN is up before the first round, and stays: nothing is polled.
    const end = await other.watch?.(randomKey(), () => {});
    await eventually(() => heard.some((payload) => payload.includes('proof'))).toBe(true);
    await sleep(500);
    let refusals = 0;
    // On some machines most runs have ended before the claims arrive.
    const mostRounds = 2000;
    for (let round = 0; round < (refusals > 0 ? deep(40, 400) : mostRounds); round++) {
      const keys = Array.from({ length: 1 + (round % 4) }, () => randomKey());
      await Promise.all(keys.map((key) => store.claim(key, request('a'))));
      const told = new Set<string>();
      for (const key of keys) await other.watch?.(key, () => told.add(key));
      const completions = Promise.all(keys.map((key) => store.complete(key, 'a', outcome)));
      if (round % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      const claims = await Promise.all(
        keys.map(async (key) => {
          const { record } = await other.claim(key, { ...request('w'), ...refused });
          return { key, state: record.state };
        }),
      );
      await completions;
      const waiting = claims.filter(({ state }) => state === 'running').map(({ key }) => key);
      refusals += waiting.length;
      await eventually(() => waiting.filter((key) => !told.has(key))).toEqual([]);
    }
    expect(refusals).toBeGreaterThan(0);
    end?.();
  });
});
