/**
 * Counts what calls cost a server, without timing: round trips, bytes on the wire and in the store,
 * CPU time of the server.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import pg from 'pg';
import { lmdbStore } from '../../dist/store/lmdb.js';
import { memoryStore } from '../../dist/store/memory.js';
import { postgresStore } from '../../dist/store/postgres.js';
import { redisStore } from '../../dist/store/redis.js';
import { startRedisServer } from '../../examples/once/redis-server.mjs';
import { startPostgresServer } from './postgres-server.mjs';

/**
 * Since the start of the server. 0 where there is no server.
 *
 * @typedef {object} Spent
 * @property {number} roundTrips
 * @property {number} sentBytes from the client
 * @property {number} receivedBytes
 * @property {number} cpuMicros of the server
 * @property {number} writtenBytes to the log from which the server recovers
 *
 * @typedef {object} Footprint
 * @property {string} name
 * @property {() => Promise<any>} openStore for one process, with its own connection
 * @property {() => Promise<Spent>} spent
 * @property {() => Promise<number>} storedBytes
 * @property {() => Promise<void>} stop
 */

const NOTHING = { roundTrips: 0, sentBytes: 0, receivedBytes: 0, cpuMicros: 0, writtenBytes: 0 };

/** @type {readonly (() => Promise<Footprint>)[]} */
export const FOOTPRINTS = [memoryFootprint, lmdbFootprint, redisFootprint, postgresFootprint];

/** @returns {Promise<Footprint>} */
async function memoryFootprint() {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  const store = memoryStore({ maxEntries: 1e6, maxBytes: 2 ** 30 });
  return {
    name: 'memory',
    openStore: async () => store,
    spent: async () => NOTHING,
    async storedBytes() {
      collectGarbage();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    },
    stop: async () => {},
  };
}

/** @returns {Promise<Footprint>} */
async function lmdbFootprint() {
  const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-lmdb-'));
  return {
    name: 'LMDB',
    openStore: async () => lmdbStore({ path: folder }),
    spent: async () => NOTHING,
    storedBytes: async () => statSync(path.join(folder, 'data.mdb')).size,
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** @returns {Promise<Footprint>} */
async function redisFootprint() {
  const server = await startRedisServer();
  const observer = new Redis(server.port);
  /** @type {Redis[]} */
  const clients = [];
  /** @param {string} section */
  const info = async (section) =>
    Object.fromEntries(
      (await observer.info(section)).split('\r\n').map((line) => line.split(/:(.*)/).slice(0, 2)),
    );
  return {
    name: 'Redis',
    async openStore() {
      const client = new Redis(server.port);
      clients.push(client);
      return redisStore({ client });
    },
    async spent() {
      const commands = await info('commandstats');
      // This also counts the commands of a script, which are not round trips.
      const roundTrips = ['evalsha', 'eval', 'subscribe', 'unsubscribe']
        .map((name) => Number(/calls=(\d+)/.exec(commands[`cmdstat_${name}`] ?? '')?.[1] ?? 0))
        .reduce((sum, count) => sum + count);
      const { used_cpu_user: user, used_cpu_sys: system } = await info('cpu');
      const { total_net_input_bytes: sent, total_net_output_bytes: received } = await info('stats');
      return {
        ...NOTHING,
        roundTrips,
        sentBytes: Number(sent),
        receivedBytes: Number(received),
        cpuMicros: (Number(user) + Number(system)) * 1e6,
      };
    },
    storedBytes: async () => Number((await info('memory')).used_memory),
    async stop() {
      for (const client of [observer, ...clients]) client.disconnect();
      await server.stop();
    },
  };
}

/** @returns {Promise<Footprint>} */
async function postgresFootprint() {
  const server = await startPostgresServer();
  const observer = new pg.Client(server.url);
  await observer.connect();
  const ask = async (/** @type {string} */ sql) =>
    Number((await observer.query(sql)).rows[0].value);
  /** @type {pg.Pool[]} */
  const pools = [];
  /** @type {import('node:net').Socket[]} */
  const sockets = [];
  let roundTrips = 0;
  return {
    name: 'PostgreSQL',
    async openStore() {
      const pool = new pg.Pool({ connectionString: server.url, max: 4 });
      pools.push(pool);
      // The store releases its `LISTEN` connection when it closes, and `end` does not wait for that.
      pool.on('error', () => {});
      pool.on('connect', (client) => {
        sockets.push(/** @type {any} */ (client).connection.stream);
        // A statement and its values are one message, and so is the reply.
        const { query } = client;
        client.query = (/** @type {any[]} */ ...args) => {
          roundTrips++;
          return Reflect.apply(query, client, args);
        };
      });
      const store = postgresStore({ pool });
      await store.migrate();
      return store;
    },
    spent: async () => ({
      roundTrips,
      sentBytes: sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
      receivedBytes: sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
      cpuMicros: processTreeMicros(server.pid),
      writtenBytes: await ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS value"),
    }),
    storedBytes: () => ask("SELECT pg_total_relation_size('samekey_records') AS value"),
    async stop() {
      await Promise.all([observer.end(), ...pools.map((pool) => pool.end())]);
      await server.stop();
    },
  };
}

/** Of a process, its children, and its ended children. @param {number} pid */
export function processTreeMicros(pid) {
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']));
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  const ticks = [String(pid), ...children].filter(Boolean).map((each) => {
    // The name in parentheses can contain spaces. Fields 14 to 17: utime, stime, and those of children.
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  });
  return (ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond) * 1e6;
}
