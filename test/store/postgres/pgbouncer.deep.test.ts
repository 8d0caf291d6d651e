import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { storeConformance } from '../../../src/store/conformance.js';
import { postgresStore } from '../../../src/store/postgres.js';
import {
  hasPgBouncer,
  type PgBouncer,
  type PostgresServer,
  startPgBouncer,
  startPostgres,
} from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { eventually, onPool, outcome, request, signal, sleep } from './scene.js';

describeWith('PostgreSQL and pgbouncer', hasPgBouncer, 'the PostgreSQL store on PgBouncer', () => {
  let server: PostgresServer;
  let admin: pg.Pool;
  beforeAll(async () => {
    server = await startPostgres();
    admin = new pg.Pool({ connectionString: server.url, max: 2 });
    await postgresStore({ pool: admin }).migrate();
  });
  afterAll(async () => {
    await admin?.end();
    await server?.stop();
  });
  const channelsOf = async (client: { query(text: string): Promise<pg.QueryResult> }) =>
    (await client.query('SELECT pg_listening_channels() AS name')).rows;

  describe.each(['transaction', 'session'] as const)('that pools by %s', (mode) => {
    let bouncer: PgBouncer;
    let pool: pg.Pool;
    beforeAll(async () => {
      // Fewer connections than the pool has, where that works: they change owners all the time.
      bouncer = await startPgBouncer(server, mode, mode === 'session' ? 20 : 3);
      pool = new pg.Pool({ connectionString: bouncer.url, max: 8 });
    });
    afterAll(async () => {
      await pool?.end();
      await bouncer?.stop();
    });

    for (const { name, run } of storeConformance({
      open: () => postgresStore({ pool, prepare: false }),
    })) {
      it(name, run);
    }

    it('tells a duplicate that waits, and leaves no LISTEN behind', async () => {
      const [owner, waiter] = [0, 1].map(() =>
        onPool({ connectionString: bouncer.url, max: 5 }, { prepare: false }),
      ) as [ReturnType<typeof onPool>, ReturnType<typeof onPool>];
      const key = randomKey();
      const { given, give } = signal();
      const first = owner.once(key, async () => {
        await given;
        return 'first';
      });
      await eventually(async () => (await owner.store.read(key)).record?.state).toBe('running');
      const duplicate = waiter.once(key, () => 'second');
      await sleep(500);
      await eventually(waiter.heldCount).toBe(0);
      give();
      expect(await Promise.all([first, duplicate])).toEqual(['first', 'first']);
      expect([...owner.storeErrors(), ...waiter.storeErrors()]).toEqual([]);
      const clients = await Promise.all([1, 2].map(() => waiter.pool.connect()));
      for (const client of clients) await client.query('BEGIN');
      for (const client of clients) expect(await channelsOf(client)).toEqual([]);
      for (const client of clients) await client.query('COMMIT');
      for (const client of clients) client.release();
      await owner.end();
      await waiter.end();
      expect(bouncer.log()).not.toMatch(/WARNING/);
    });

    it('finds changes by polling', async () => {
      const store = postgresStore({ pool, prepare: false });
      const key = randomKey();
      await store.claim(key, request('a'));
      let told = 0;
      await store.watch?.(key, () => {
        told++;
      });
      await sleep(300);
      expect(told).toBe(0);
      await store.complete(key, 'a', outcome);
      await eventually(() => told).toBe(1);
      await store.close();
    });

    it('continues without prepared statements if they get lost', async () => {
      const { store, pool, once, end } = onPool({ connectionString: bouncer.url, max: 8 });
      const keys = Array.from({ length: 40 }, () => randomKey());
      for (const round of [1, 2]) {
        const values = await Promise.all(keys.map((key) => once(key, () => `${key} ${round}`)));
        expect(values).toEqual(keys.map((key) => `${key} 1`));
      }
      const [key = ''] = keys;
      expect((await store.read(key)).record?.attempt).toBe(1);
      expect(pool.waitingCount).toBe(0);
      await end();
    });
  });

  it.each([
    ['is given back where no notification arrives', true, 0],
    ['is kept where they do', false, 1],
  ])('a connection whose process ID is unknown %s', async (_, isPooled, kept) => {
    /** Like pg-native, which does not know its process ID. */
    class Nameless extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        super(config);
        Object.defineProperty(this, 'processID', { get: () => undefined, set: () => {} });
      }
    }
    const bouncer = await startPgBouncer(server, 'transaction', 3);
    const { url } = isPooled ? bouncer : server;
    const own = new pg.Pool({ connectionString: url, max: 5, Client: Nameless } as pg.PoolConfig);
    own.on('error', () => {});
    const store = postgresStore({ pool: own, prepare: false });
    const heldCount = () => own.totalCount - own.idleCount;
    const key = randomKey();
    await store.claim(key, request('a'));
    let told = 0;
    await store.watch?.(key, () => {
      told++;
    });
    await eventually(heldCount).toBeGreaterThan(0);
    await eventually(heldCount).toBe(kept);
    // Longer than the test of a connection may take.
    if (kept > 0) await sleep(6000);
    expect(heldCount()).toBe(kept);
    expect(told).toBe(0);
    await store.complete(key, 'a', outcome);
    await eventually(() => told).toBe(1);
    await store.close();
    await own.end();
    await bouncer.stop();
  });

  it('continues after DEALLOCATE ALL', async () => {
    const { pool, once, end, storeErrors } = onPool({ connectionString: server.url, max: 1 });
    expect(await once(randomKey(), () => 1)).toBe(1);
    await pool.query('DEALLOCATE ALL');
    expect(await once(randomKey(), () => 2)).toBe(2);
    expect(storeErrors()).toEqual([]);
    await end();
  });
});
