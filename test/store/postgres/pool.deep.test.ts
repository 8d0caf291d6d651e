import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { postgresStore } from '../../../src/store/postgres.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { eventually, type OnPool, onPool, outcome, request, signal, sleep } from './scene.js';

describeWith('PostgreSQL', hasPostgres, 'the PostgreSQL store on a small or busy pool', () => {
  let server: PostgresServer;
  let other: OnPool;
  const opened: OnPool[] = [];
  const open = (max: number, leaseMs = 3000) => {
    const one = onPool(
      { connectionString: server.url, max },
      {},
      { leaseMs, storeTimeoutMs: 2000 },
    );
    opened.push(one);
    return one;
  };
  beforeAll(async () => {
    server = await startPostgres();
    other = onPool({ connectionString: server.url, max: 5 });
    await other.store.migrate();
  });
  afterEach(async () => {
    for (const { end } of opened.splice(0)) await end();
  });
  afterAll(async () => {
    await other?.end();
    await server?.stop();
  });

  /** Another process runs a key, and this one waits for it until `finish`. */
  async function waitingFor(run: OnPool['once']) {
    const key = randomKey();
    const { given, give } = signal();
    const begun = signal();
    let runs = 0;
    const first = other.once(key, async () => {
      runs++;
      begun.give();
      await given;
      return 'first';
    });
    await begun.given;
    const duplicate = run(key, () => {
      runs++;
      return 'second';
    });
    await sleep(300);
    return {
      async finish() {
        give();
        expect(await Promise.all([first, duplicate])).toEqual(['first', 'first']);
        expect(runs).toBe(1);
      },
    };
  }

  it.each([1, 2, 3])('goes on while a duplicate waits: a pool of %i', async (max) => {
    const { once, pool, storeErrors, heldCount } = open(max);
    let runs = 0;
    const own = once(randomKey(), async () => {
      runs++;
      await sleep(3500);
      return runs;
    });
    const waiting = await waitingFor(once);
    if (max < 3) await eventually(heldCount).toBe(0);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await waiting.finish();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await once(randomKey(), () => 'new')).toBe('new');
    // The lease was renewed while the duplicate waited.
    expect(await own).toBe(1);
    expect(storeErrors()).toEqual([]);
  });

  it('also with two stores on a pool of two', async () => {
    const { once, pool, storeErrors } = open(2);
    const second = createOnce({ store: postgresStore({ pool }), cache: false });
    const waits = [await waitingFor(once), await waitingFor(second)];
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    for (const { finish } of waits) await finish();
    expect(storeErrors()).toEqual([]);
  });

  it('takes none of the last connections of a pool', async () => {
    const { once, pool, heldCount } = open(4);
    const held = await Promise.all([1, 2, 3].map(() => pool.connect()));
    const waiting = await waitingFor(once);
    await eventually(heldCount).toBe(3);
    await waiting.finish();
    for (const client of held) client.release();
  });

  it('waits while all connections are held, and for as long', async () => {
    const { once, pool, store } = open(4);
    const key = randomKey();
    await other.store.claim(key, request('owner'));
    let told = 0;
    const end = await store.watch?.(key, () => {
      told++;
    });
    const held = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
    await other.store.complete(key, 'owner', outcome);
    await sleep(500);
    const before = told;
    for (const client of held) client.release();
    await eventually(() => told).toBeGreaterThan(before);
    end?.();
    expect(await once(key, () => 'no')).toEqual({});
  });

  it('gives its connection back when functions hold all others', async () => {
    const { once, pool, heldCount, storeErrors } = open(5, 1500);
    const waiting = await waitingFor(once);
    await eventually(heldCount).toBe(1);
    const { given, give } = signal();
    let held = 0;
    const runs = [1, 2, 3, 4].map((value) =>
      once(randomKey(), async () => {
        const client = await pool.connect();
        held++;
        await given;
        client.release();
        return value;
      }),
    );
    await eventually(() => held).toBe(4);
    // The fifth connection serves their renewals.
    await sleep(3000);
    give();
    expect(await Promise.all(runs)).toEqual([1, 2, 3, 4]);
    expect(storeErrors()).toEqual([]);
    await waiting.finish();
  });

  it('keeps the leases of functions that hold all connections of another pool', async () => {
    const app = open(5);
    const { once, storeErrors } = open(2, 1500);
    const runs = Array.from({ length: 5 }, (_, value) =>
      once(randomKey(), async ({ attempt }) => {
        const client = await app.pool.connect();
        await client.query('BEGIN');
        await sleep(3000);
        await client.query('COMMIT');
        client.release();
        return { value, attempt };
      }),
    );
    expect(await Promise.all(runs)).toEqual(
      [0, 1, 2, 3, 4].map((value) => ({ value, attempt: 1 })),
    );
    expect(storeErrors()).toEqual([]);
  });
});
