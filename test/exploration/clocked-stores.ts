import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createClient } from 'redis';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import { postgresStore } from '../../src/store/postgres.js';
import { SCRIPTS } from '../../src/store/redis/scripts.js';
import { redisStore } from '../../src/store/redis.js';
import type { Store } from '../../src/store/store.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import type { ClockedStore } from './sequences.js';

interface Subject {
  readonly name: string;
  /** The package that must be installed. */
  readonly tool: string;
  readonly isThere: boolean;
  readonly open: () => Promise<ClockedStore>;
}

/** A new store is one line. */
export const SUBJECTS: readonly Subject[] = [
  { name: 'memory', tool: 'nothing', isThere: true, open: openMemory },
  { name: 'lmdb', tool: 'lmdb', isThere: true, open: openLmdb },
  { name: 'redis', tool: 'redis-server', isThere: hasRedis, open: openRedis },
  { name: 'postgres', tool: 'PostgreSQL', isThere: hasPostgres, open: openPostgres },
];

/** A memory store sweeps by the clock of the written key, so each key has its own store. */
async function openMemory(): Promise<ClockedStore> {
  const stores = new Map<string, Store>();
  let nowMs = 0;
  return {
    at(key, nowUs) {
      nowMs = Math.floor(nowUs / 1000);
      const store = stores.get(key) ?? memoryStore({ maxEntries: 1, clock: () => nowMs });
      stores.set(key, store);
      return store;
    },
    async end() {
      stores.clear();
    },
  };
}

async function openLmdb(): Promise<ClockedStore> {
  // In memory if the machine has a folder for that, because every write waits for the disk.
  const shm = '/dev/shm';
  const path = mkdtempSync(join(existsSync(shm) ? shm : tmpdir(), 'samekey-lmdb-'));
  let nowMs = 0;
  const store = lmdbStore({ path, clock: () => nowMs });
  return {
    at(_, nowUs) {
      nowMs = Math.floor(nowUs / 1000);
      return store;
    },
    async end() {
      await store.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/**
 * A script that asks for the time reads it from another key, if that exists. The self-check of the
 * client uses the server's time. Nothing expires on the server.
 */
function withClockKey(name: string, script: string): string {
  const time = "redis.call('TIME')";
  const clocked = script
    .split(`local time = ${time}`)
    .join(
      `local clock = redis.call('GET', 'clock:' .. KEYS[1])
if clock and #KEYS > 1 then return redis.error_reply('ERR each key has a clock of its own') end
local time = clock and {string.match(clock, '(%d+) (%d+)')} or ${time}`,
    )
    .split("'PX', ")
    .join("'PX', clock and '3600000' or ");
  const isClocked = clocked.includes("GET', 'clock:");
  const isExpiring = clocked.split("'PX'").length > clocked.split("'PX', clock").length;
  if (isClocked === (name === 'name') || isExpiring) {
    throw new Error(`Cannot set the clock of the script ${name}: ${clocked}`);
  }
  return clocked;
}

async function openRedis(): Promise<ClockedStore> {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    SCRIPTS[name as keyof typeof SCRIPTS] = withClockKey(name, script);
  }
  const server = await startRedis('--appendonly', 'no');
  const client = createClient({ url: server.url });
  await client.on('error', () => {}).connect();
  const prefix = 'samekey:';
  const store = redisStore({ client, prefix });
  return {
    at(key, nowUs) {
      const time = `${Math.floor(nowUs / 1e6)} ${nowUs % 1e6}`;
      // Sent before the call, on the same connection.
      client.set(`clock:${prefix}${key}`, time).catch(() => {});
      return store;
    },
    async end() {
      client.destroy();
      await server.stop();
    },
  };
}

const CLOCK = 'floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

async function openPostgres(): Promise<ClockedStore> {
  const server = await startPostgres();
  const options = '-c synchronous_commit=off';
  const pool = new pg.Pool({ connectionString: server.url, max: 8, options });
  pool.on('error', () => {});
  await postgresStore({ pool }).migrate();
  const clocks = new Map<string, number>();
  const query = (text: string, values: readonly unknown[]) => {
    // Otherwise one clock would delete the expired rows of all keys.
    if (text.includes('SKIP LOCKED')) return { rows: [] };
    const nowUs = clocks.get(values[0] as string);
    const parts = text.split(CLOCK);
    if (nowUs === undefined || parts.length !== 2) throw new Error(`Cannot set the clock: ${text}`);
    const clocked = parts.join(`$${values.length + 1}::bigint`);
    const name = createHash('sha1').update(clocked).digest('hex');
    return pool.query({ name, text: clocked, values: [...values, nowUs] });
  };
  // A store sends the calls of several keys as one statement, which has one clock. So each key has
  // its own store.
  const stores = new Map<string, Store>();
  return {
    at(key, nowUs) {
      clocks.set(key, nowUs);
      const store = stores.get(key) ?? postgresStore({ pool: { query }, prepare: false });
      stores.set(key, store);
      return store;
    },
    async end() {
      await pool.end();
      await server.stop();
    },
  };
}
