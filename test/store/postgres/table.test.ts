import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { type PostgresClient, postgresStore } from '../../../src/store/postgres.js';
import type { ClaimRequest } from '../../../src/store/store.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';

const request = (owner: string): ClaimRequest => ({
  owner,
  leaseMs: 60_000,
  ttlMs: 60_000,
  fingerprint: undefined,
  takeUnknown: true,
  takeFinished: true,
});
const outcome = {
  state: 'done',
  codec: 'json',
  payload: Uint8Array.of(123, 125),
  ttlMs: 60_000,
} as const;

describe('invalid pools and tables', () => {
  it.each([undefined, null, 1, 'postgres://localhost', {}, []])('%s', (pool) => {
    expect(() => postgresStore({ pool: pool as unknown as PostgresClient })).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'SAMEKEY_BAD_CLIENT',
        message: expect.stringMatching(
          /^Cannot make a PostgreSQL store: pool is .*, wanted a Pool/,
        ),
      }),
    );
  });

  const pool = { query: async () => {} };
  it.each(['', '1a', 'a b', 'a"b', "a'b", 'a;b', 'a.b.c', '.a', 'a.', 'ä', 'a'.repeat(56), 'a-b'])(
    'table %j',
    (table) => {
      expect(() => postgresStore({ pool, table })).toThrow(
        expect.objectContaining({ name: 'SyntaxError', code: 'SAMEKEY_BAD_ARGUMENT' }),
      );
    },
  );

  it('and a client that gives no rows', async () => {
    await expect(postgresStore({ pool }).read('k')).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_CLIENT',
    });
  });
});

describeWith('PostgreSQL', hasPostgres, 'the table of the PostgreSQL store', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  beforeAll(async () => {
    server = await startPostgres();
    pool = new pg.Pool({ connectionString: server.url, max: 8 });
    pool.on('error', () => {});
    await postgresStore({ pool }).migrate();
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  it.each([
    [undefined, ['claim', 'complete']],
    [true, ['claim', 'complete']],
    [false, []],
  ])('has statements prepared on a connection: %s', async (prepare, prepared) => {
    const one = new pg.Pool({ connectionString: server.url, max: 1 });
    try {
      const options = { pool: one, ...(prepare === undefined ? {} : { prepare }) };
      const [store, other] = [
        postgresStore(options),
        postgresStore({ ...options, table: 'other' }),
      ];
      await other.migrate();
      for (const each of [store, other, store]) {
        const owner = randomKey();
        expect((await each.claim(owner, request(owner))).claimed).toBe(true);
        expect(await each.complete(owner, owner, outcome)).toBe(true);
      }
      const { rows } = await one.query('SELECT name FROM pg_prepared_statements ORDER BY name');
      const names = rows.map(({ name }) => name.replace(/^samekey_(\w+)_[0-9a-f]{40}$/, '$1'));
      expect(names).toEqual(prepared.flatMap((name) => [name, name]));
      expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    } finally {
      await one.end();
    }
  });

  it('is made once, also by many at a time', async () => {
    const store = () => postgresStore({ pool, table: 'made' });
    await expect(store().claim('k', request('a'))).rejects.toMatchObject({
      name: 'ReferenceError',
      code: 'SAMEKEY_NO_TABLE',
      message: expect.stringMatching(/^Cannot use the table made: it is not there, wanted migrate/),
    });
    await Promise.all(Array.from({ length: 8 }, () => store().migrate()));
    expect((await store().claim('k', request('a'))).claimed).toBe(true);
    await store().migrate();
    expect((await store().read('k')).record?.owner).toBe('a');
  });

  it('may be in a schema, and have a name that SQL would take for something else', async () => {
    await pool.query('CREATE SCHEMA "Order"');
    const store = postgresStore({ pool, table: 'Order.select' });
    await store.migrate();
    await store.claim('k', request('a'));
    let told = 0;
    await store.watch?.('k', () => {
      told++;
    });
    await store.complete('k', 'a', outcome);
    await expect.poll(() => told).toBeGreaterThan(0);
    expect((await pool.query('SELECT key FROM "Order"."select"')).rows).toEqual([{ key: 'k' }]);
    await store.close();
  });

  it.each(['calls', 'clock', 'done', 'seen'])(
    'may be named as a part of a statement: %s',
    async (table) => {
      const store = postgresStore({ pool, table });
      await store.migrate();
      expect((await store.claim('k', request('a'))).claimed).toBe(true);
      expect(await store.complete('k', 'a', outcome)).toBe(true);
      expect((await store.read('k')).record?.state).toBe('done');
    },
  );

  it('loses the index on the expiry, which earlier versions made', async () => {
    const store = postgresStore({ pool, table: 'older' });
    await store.migrate();
    await pool.query('CREATE INDEX older_expires ON older (expires_at_ms)');
    await pool.query('CREATE TABLE not_ours (expires_at_ms bigint)');
    await pool.query('CREATE INDEX not_ours_expires ON not_ours (expires_at_ms)');
    const indexes = async () => {
      const { rows } = await pool.query(
        `SELECT indexname AS name FROM pg_indexes WHERE tablename IN ('older', 'not_ours') ORDER BY 1`,
      );
      return rows.map(({ name }) => name);
    };
    expect((await store.claim('k', request('a'))).claimed).toBe(true);
    // A reader in a long transaction: all calls would wait behind the removal.
    const reader = await pool.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT FROM older');
    await store.migrate();
    expect(await indexes()).toEqual(['not_ours_expires', 'older_expires', 'older_pkey']);
    await reader.query('COMMIT');
    reader.release();
    await store.migrate();
    expect(await indexes()).toEqual(['not_ours_expires', 'older_pkey']);
    expect(await store.complete('k', 'a', outcome)).toBe(true);
    expect((await pool.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }]);
  });

  it('refuses a record that another version wrote, and keeps it', async () => {
    const store = postgresStore({ pool, table: 'newer' });
    await store.migrate();
    const key = randomKey();
    await store.claim(key, request('a'));
    // A version with another state needs another constraint.
    await pool.query('ALTER TABLE newer DROP CONSTRAINT newer_state_check');
    await pool.query("UPDATE newer SET state = 'paused'");
    const rows = async () => (await pool.query('SELECT * FROM newer')).rows;
    const before = await rows();
    expect(before).toMatchObject([{ state: 'paused', owner: 'a' }]);
    const once = createOnce({ store, cache: false });
    let runs = 0;
    await expect(once(key, () => runs++)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringContaining('it is no record of samekey, wanted a table that only'),
      cause: { code: 'SAMEKEY_BAD_STATE' },
    });
    await expect(store.read(key)).rejects.toMatchObject({ code: 'SAMEKEY_BAD_STATE' });
    expect(runs).toBe(0);
    expect(await rows()).toEqual(before);
  });

  it('has updates that write to no index', async () => {
    const store = postgresStore({ pool, table: 'hot' });
    await store.migrate();
    const keys = Array.from({ length: 300 }, (_, index) => `k${index}`);
    for (const key of keys) {
      await store.claim(key, request(key));
      await store.complete(key, key, outcome);
    }
    const counts = async () =>
      (
        await pool.query(
          `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot FROM pg_stat_user_tables WHERE relname = 'hot'`,
        )
      ).rows[0];
    await expect.poll(counts, { timeout: 30_000 }).toEqual({ updates: 300, hot: 300 });
  });

  it('gets one query for every step', async () => {
    let queries = 0;
    const counting: PostgresClient = {
      query(...args: never[]) {
        queries++;
        return (pool.query as (...args: never[]) => unknown).apply(pool, args);
      },
    };
    const store = postgresStore({ pool: counting });
    const countOf = async (act: () => Promise<unknown>) => {
      queries = 0;
      await act();
      return queries;
    };
    const held = { ...request('b'), takeFinished: false };
    expect(await countOf(() => store.claim('counted', request('a')))).toBe(1);
    expect(await countOf(() => store.claim('counted', held))).toBe(1);
    expect(await countOf(() => store.renew('counted', 'a', 60_000))).toBe(1);
    expect(await countOf(() => store.complete('counted', 'a', outcome))).toBe(1);
    expect(await countOf(() => store.claim('counted', held))).toBe(1);
    expect(await countOf(() => store.read('counted'))).toBe(1);
    expect(await countOf(() => store.evict('counted'))).toBe(1);
    const once = createOnce({ store, cache: false });
    const key = randomKey();
    expect(await countOf(() => once(key, () => 1))).toBe(2);
    expect(await countOf(() => once(key, () => 2))).toBe(1);
  });

  it('may be in a database whose transactions are serializable', async () => {
    const own = new pg.Pool({
      connectionString: server.url,
      max: 8,
      options: '-c default_transaction_isolation=serializable',
    });
    const store = postgresStore({ pool: own });
    const claims = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        store.claim('serial', { ...request(`${index}`), takeUnknown: false, takeFinished: false }),
      ),
    );
    const granted = claims.filter((each) => each.status === 'fulfilled' && each.value.claimed);
    expect(granted).toHaveLength(1);
    await own.end();
  });

  it('deletes expired rows over time', async () => {
    const store = postgresStore({ pool, table: 'swept' });
    await store.migrate();
    await pool.query(
      `INSERT INTO swept SELECT 'k' || i, 'done', 'o', 1, 1, NULL, 0, 0, 1, 1, 'json', NULL FROM generate_series(1, 1500) AS i`,
    );
    const rest = async () => Number((await pool.query('SELECT count(*) FROM swept')).rows[0].count);
    const early = postgresStore({ pool, table: 'swept' });
    await early.claim('a', request('a'));
    expect(await rest()).toBe(1501);
    // A store sweeps beside a claim, if it has not done so for a while.
    const later = performance.now() + 60_000;
    const now = performance.now;
    performance.now = () => later;
    try {
      await early.claim('b', request('b'));
      await expect.poll(rest).toBe(502);
      // The store learns after the server that there may be more, so one claim may be too early.
      const claimAndCount = async () => {
        await early.claim('c', request('c'));
        return rest();
      };
      await expect.poll(claimAndCount).toBe(3);
    } finally {
      performance.now = now;
    }
  });
});
