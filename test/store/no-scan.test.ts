/** A store with millions of records is as fast as an empty one: no call reads the whole table. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mysqlStore } from '../../src/store/mysql.js';
import { postgresStore } from '../../src/store/postgres.js';
import { statementsFor } from '../../src/store/sqlite/statements.js';
import { sqliteStore } from '../../src/store/sqlite.js';
import type { Store } from '../../src/store/store.js';
import { hasMariadb, type MariadbServer, startMariadb } from '../servers/mariadb.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../servers/postgres.js';
import { describeWith } from '../servers/process.js';
import { outcome, request } from './postgres/scene.js';

const ROWS = 20_000;

/**
 * Makes every call of a store, alone and with others, and lets time pass between them. `sweepCount` tells
 * how often the store has looked for expired records.
 */
async function useEverything(store: Store, sweepCount: () => number): Promise<void> {
  const watched = await store.watch?.('watched', () => {});
  for (const round of ['a', 'b']) {
    const keys = Array.from({ length: 20 }, (_, n) => `${round}-${n}`);
    for (const batch of [keys.slice(0, 1), keys.slice(1)]) {
      await Promise.all(batch.map((key) => store.claim(key, request('owner'))));
      const refused = { ...request('other'), takeUnknown: false, takeFinished: false };
      await Promise.all(batch.map((key) => store.claim(key, refused)));
      await Promise.all(batch.map((key) => store.renew(key, 'owner', 60_000)));
      const [released = '', ...rest] = batch;
      await Promise.all(rest.map((key) => store.complete(key, 'owner', outcome)));
      await store.release(released, 'owner');
      await Promise.all(rest.map((key) => store.claim(key, refused)));
    }
    await store.read('a-3');
    await store.evict('a-4');
    for await (const _ of store.list?.({ limit: 5 }) ?? []);
    // A sweep is due, beside the next claim.
    const later = performance.now() + 60_000;
    const { now } = performance;
    performance.now = () => later;
    try {
      await store.claim(`${round} swept`, request('owner'));
      await expect.poll(sweepCount).toBeGreaterThan(0);
    } finally {
      performance.now = now;
    }
  }
  watched?.();
  await store.close();
}

/** Counts the calls of `method` that have ended and whose statement matches. */
function countEnded<Client extends object>(
  client: Client,
  method: keyof Client,
  pattern: RegExp,
): () => number {
  let count = 0;
  const call = client[method] as (...args: unknown[]) => unknown;
  client[method] = (async (...args: unknown[]) => {
    const result = await call.apply(client, args);
    const [query] = args as [string | { readonly text?: string; readonly sql?: string }];
    const text = typeof query === 'string' ? query : (query.text ?? query.sql ?? '');
    if (pattern.test(text)) count++;
    return result;
  }) as never;
  return () => count;
}

it('SQLite reads no whole table', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-no-scan-'));
  const statements = new Set<string>();
  const { sweep, due } = statementsFor('samekey_records');
  let dueCount = 0;
  const database = new Database(join(folder, 'records.db'));
  const prepare = database.prepare.bind(database);
  database.prepare = ((sql: string) => {
    statements.add(sql);
    const statement = prepare(sql);
    if (sql !== due) return statement;
    const all = statement.all.bind(statement);
    statement.all = (...args) => {
      dueCount++;
      return all(...args);
    };
    return statement;
  }) as typeof prepare;
  try {
    await useEverything(sqliteStore({ database }), () => dueCount);
    const scansOf = (sql: string) =>
      prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => (row as { detail: string }).detail)
        .filter((detail) => /^SCAN (?:r|samekey_records)\b/.test(detail));
    expect(scansOf('SELECT count(*) FROM samekey_records')).toHaveLength(1);
    // No record is old enough for the statement that deletes.
    statements.add(sweep);
    const ofRecords = [...statements].filter((sql) => /^WITH [\s\S]*"samekey_records"/.test(sql));
    expect(ofRecords.length).toBeGreaterThan(8);
    expect(ofRecords.filter((sql) => scansOf(sql).length > 0)).toEqual([]);
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

describeWith('PostgreSQL', hasPostgres, 'PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('reads no whole table', async () => {
    const observer = new pg.Client(server.url);
    await observer.connect();
    // Two connections: too few to listen, so the store polls.
    const config = { connectionString: server.url, max: 2 };
    const maker = new pg.Pool(config);
    await postgresStore({ pool: maker }).migrate();
    await maker.end();
    await observer.query(
      `INSERT INTO samekey_records SELECT 'k' || i, 'done', 'o', 1, 1, NULL, 0, 0, i % 2 * 9e15::bigint, 1, 'json', NULL FROM generate_series(1, ${ROWS}) AS i`,
    );
    await observer.query('VACUUM ANALYZE samekey_records');
    const scans = async () => {
      const { rows } = await observer.query(
        "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'samekey_records'",
      );
      return { whole: Number(rows[0].seq_scan), byIndex: Number(rows[0].idx_scan) };
    };
    // The index was made by reading the table.
    await expect.poll(async () => (await scans()).whole).toBeGreaterThan(0);
    const before = await scans();
    const pool = new pg.Pool(config);
    const sweepCount = countEnded(pool, 'query', /\bDELETE FROM [\s\S]+ SKIP LOCKED\b/);
    await useEverything(postgresStore({ pool }), sweepCount);
    // A connection reports its scans when it ends.
    await pool.end();
    await expect.poll(async () => (await scans()).byIndex).toBeGreaterThan(before.byIndex + 20);
    expect((await scans()).whole).toBe(before.whole);
    const other = new pg.Client(server.url);
    await other.connect();
    await other.query('SELECT max(owner) FROM samekey_records');
    await other.end();
    await expect.poll(async () => (await scans()).whole).toBe(before.whole + 1);
    await observer.end();
  });
});

describeWith('MariaDB', hasMariadb, 'MariaDB', () => {
  let server: MariadbServer;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server.stop());

  it('reads no whole table', async () => {
    const pool = createPool({ uri: server.url, connectionLimit: 3 });
    const store = mysqlStore({ pool });
    await store.migrate();
    await pool.query(
      `INSERT INTO samekey_records SELECT CONCAT('k', seq), 'done', 'o', 1, 1, NULL, 0, 0, seq % 2 * 9000000000000, 1, 'json', '', NULL FROM seq_1_to_${ROWS}`,
    );
    await pool.query('ANALYZE TABLE samekey_records');
    const readRows = async () => {
      const [rows] = await pool.query("SHOW GLOBAL STATUS LIKE 'Handler_read_rnd_next'");
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    const before = await readRows();
    await useEverything(store, countEnded(pool, 'query', /^DELETE /));
    const after = await readRows();
    expect(after - before).toBeLessThan(ROWS / 2);
    await pool.query('SELECT MAX(payload) FROM samekey_records');
    expect((await readRows()) - after).toBeGreaterThan(ROWS / 2);
    await pool.end();
  });
});
