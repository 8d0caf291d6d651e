/**
 * How each store is filled: one record of the real store is copied under many keys, by the fastest way that the
 * database has. Half of the copies expired two hours ago, except in Redis, which has no expired records.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startRedisServer } from '../../examples/once/redis-server.mjs';
import { startPostgresServer } from '../once/postgres-server.mjs';

/** The key of the record that is copied. */
export const ORIGINAL = `ik_${'0'.repeat(64)}`;
const EXPIRED_FOR_MS = 2 * 3600 * 1000;

/**
 * Returns the key of a copy. Keys are in the order of their numbers, with even distances.
 *
 * @param {number} n from 0
 * @param {number} count of all copies
 */
export const keyOfCopy = (n, count) =>
  `ik_${Math.floor((n + 1) * (2 ** 32 / (count + 2)))
    .toString(16)
    .padStart(8, '0')}${'5'.repeat(56)}`;

/**
 * @typedef {object} FullStore
 * @property {string} kind as `open-store.mjs` names it
 * @property {string} at its address
 * @property {boolean} keepsExpired whether the store deletes expired records, and not the database
 * @property {(count: number) => Promise<void>} fill copies the record of `ORIGINAL`
 * @property {() => Promise<number>} count of rows, expired ones too
 * @property {() => Promise<void>} stop
 */

/** @type {Record<string, () => Promise<FullStore>>} */
export const STORES = {
  async Redis() {
    const server = await startRedisServer();
    const client = new Redis(server.port);
    return {
      kind: 'Redis',
      keepsExpired: false,
      at: String(server.port),
      async fill(count) {
        const value = await client.getBuffer(`samekey:${ORIGINAL}`);
        await pipe(server.port, /** @type {Buffer} */ (value), count);
      },
      count: () => client.dbsize(),
      async stop() {
        client.disconnect();
        await server.stop();
      },
    };
  },
  async PostgreSQL() {
    const server = await startPostgresServer();
    const client = new pg.Client(server.url);
    await client.connect();
    return {
      kind: 'PostgreSQL',
      keepsExpired: true,
      at: server.url,
      async fill(count) {
        await client.query(
          `INSERT INTO samekey_records
          SELECT (jsonb_populate_record(r, jsonb_build_object(
            'key', 'ik_' || lpad(to_hex(floor((n + 1) * (4294967296 / ($1::float8 + 2)))::bigint), 8, '0') || repeat('5', 56),
            'expires_at_ms', r.expires_at_ms - (n % 2) * (r.expires_at_ms - r.finished_at_ms + ${EXPIRED_FOR_MS})))).*
          FROM samekey_records r, generate_series(0, $1::bigint - 1) n WHERE r.key = $2`,
          [count, ORIGINAL],
        );
        await client.query('VACUUM ANALYZE samekey_records');
        await client.query('CHECKPOINT');
      },
      count: async () =>
        Number((await client.query('SELECT count(*) FROM samekey_records')).rows[0].count),
      async stop() {
        await client.end();
        await server.stop();
      },
    };
  },
  async SQLite() {
    const { default: Database } = await import('libsql');
    const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-sqlite-'));
    const file = path.join(folder, 'records.db');
    const use = (/** @type {(database: any) => any} */ action) => {
      const database = new Database(file);
      const result = action(database);
      database.close();
      return result;
    };
    return {
      kind: 'SQLite',
      keepsExpired: true,
      at: file,
      async fill(count) {
        use((database) => {
          const row = database.prepare('SELECT * FROM samekey_records WHERE key = ?').get(ORIGINAL);
          // libsql adds a member of its own.
          const names = Object.keys(row).filter((name) => name !== '_metadata');
          const insert = database.prepare(
            `INSERT INTO samekey_records (${names}) VALUES (${names.map(() => '?')})`,
          );
          const expired = row.finished_at_ms - EXPIRED_FOR_MS;
          for (let n = 0; n < count; ) {
            database.exec('BEGIN');
            for (const end = Math.min(count, n + 100_000); n < end; n++) {
              const copy = { ...row, key: keyOfCopy(n, count) };
              if (n % 2 === 1) copy.expires_at_ms = expired;
              insert.run(names.map((name) => copy[name]));
            }
            database.exec('COMMIT');
          }
          database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        });
      },
      count: async () =>
        use((database) => database.prepare('SELECT count(*) AS n FROM samekey_records').get().n),
      stop: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },
  async LMDB() {
    const { open } = await import('lmdb');
    const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-lmdb-'));
    const openDatabase = () =>
      open({ path: folder, noSubdir: false, useVersions: true, overlappingSync: false });
    return {
      kind: 'LMDB',
      keepsExpired: true,
      at: folder,
      async fill(count) {
        const database = openDatabase();
        const row = /** @type {any[]} */ (database.get(ORIGINAL));
        for (let n = 0; n < count; ) {
          database.transactionSync(() => {
            for (const end = Math.min(count, n + 100_000); n < end; n++) {
              const copy = [...row];
              // The place of `expiresAtMs` in `src/store/lmdb/record-row.ts`.
              if (n % 2 === 1) copy[6] = row[8] - EXPIRED_FOR_MS;
              database.putSync(keyOfCopy(n, count), copy, n + 1);
            }
          });
        }
        await database.close();
      },
      async count() {
        const database = openDatabase();
        const { entryCount } = /** @type {any} */ (database.getStats());
        await database.close();
        return entryCount;
      },
      stop: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};

/**
 * Sends a `SET` for each copy without waiting for the replies. They expire one by one, between one and two hours
 * from now.
 *
 * @param {number} port
 * @param {Buffer} value
 * @param {number} count
 */
async function pipe(port, value, count) {
  const socket = connect(port, '127.0.0.1');
  let replies = 0;
  const done = new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      for (const byte of bytes) if (byte === 0x2b) replies++;
      if (bytes.includes('-')) reject(new Error(bytes.toString()));
      if (replies === count) resolve(undefined);
    });
  });
  const middle = Buffer.concat([Buffer.from(`\r\n$${value.length}\r\n`), value]);
  for (let n = 0; n < count; ) {
    const parts = [];
    for (const end = Math.min(count, n + 10_000); n < end; n++) {
      const key = `samekey:${keyOfCopy(n, count)}`;
      const px = 3_600_000 + (n % 3_600_000);
      parts.push(Buffer.from(`*5\r\n$3\r\nSET\r\n$${key.length}\r\n${key}`), middle);
      parts.push(Buffer.from(`\r\n$2\r\nPX\r\n$7\r\n${px}\r\n`));
    }
    if (!socket.write(Buffer.concat(parts))) {
      await new Promise((resolve) => socket.once('drain', resolve));
    }
  }
  await done;
  socket.destroy();
}
