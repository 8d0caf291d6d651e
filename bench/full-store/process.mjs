/**
 * A process that starts with a store: `node process.mjs KIND ADDRESS COPIES RUNS`. Prints how long it took from
 * the start of the process to its first result, its memory, and the time of each of many runs.
 */

import { randomKey } from '../../dist/index.js';
import { createOnce } from '../../dist/once/index.js';
import { keyOfCopy, ORIGINAL } from './stores.mjs';

const [kind = '', at = '', copies = '0', runs = '0'] = process.argv.slice(2);
const CALLERS = 16;

const OPEN = {
  async Redis() {
    const { Redis } = await import('ioredis');
    const { redisStore } = await import('../../dist/store/redis.js');
    const client = new Redis(Number(at));
    return { store: redisStore({ client }), end: () => client.disconnect() };
  },
  async PostgreSQL() {
    const { default: pg } = await import('pg');
    const { postgresStore } = await import('../../dist/store/postgres.js');
    const pool = new pg.Pool({ connectionString: at, max: 4 });
    const store = postgresStore({ pool });
    await store.migrate();
    return { store, end: () => pool.end() };
  },
  async SQLite() {
    const { default: Database } = await import('libsql');
    const { sqliteStore } = await import('../../dist/store/sqlite.js');
    const database = new Database(at);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    return { store: sqliteStore({ database }), end: () => database.close() };
  },
  async LMDB() {
    const { lmdbStore } = await import('../../dist/store/lmdb.js');
    return { store: lmdbStore({ path: at }), end: () => {} };
  },
};

const { store, end } = await OPEN[/** @type {keyof typeof OPEN} */ (kind)]();
const once = createOnce({ store, cache: false });
let runCount = 0;
const run = async () => ({ run: ++runCount });
await once(ORIGINAL, run);
const firstMs = performance.now();
await once(randomKey(), run);
const secondMs = performance.now();
const { rss } = process.memoryUsage();

/** Each is a new key. @type {number[]} */
const runMs = [];
/** Each is a copy that has not expired. @type {number[]} */
const replayMs = [];
const before = process.cpuUsage();
const startedAt = performance.now();
let left = Number(runs);
const caller = async () => {
  while (left-- > 0) {
    const at = performance.now();
    await once(randomKey(), run);
    runMs.push(performance.now() - at);
  }
};
await Promise.all(Array.from({ length: CALLERS }, caller));
const runsMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(before);

let ranAgain = 0;
for (let n = 0; n < Math.min(1000, Number(copies)); n++) {
  const key = keyOfCopy(2 * Math.floor((Math.random() * Number(copies)) / 2), Number(copies));
  const at = performance.now();
  const { outcome } = await once.detailed(key, run);
  replayMs.push(performance.now() - at);
  if (outcome !== 'replayed') ranAgain++;
}

const at99 = (/** @type {number[]} */ times) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
const mean = (/** @type {number[]} */ times) =>
  times.reduce((sum, each) => sum + each, 0) / Math.max(1, times.length);
await once.close();
await store.close();
await end();
console.log(
  JSON.stringify({
    firstMs,
    secondMs,
    rss,
    perSecond: (1000 * runMs.length) / Math.max(1, runsMs),
    cpuUs: (user + system) / Math.max(1, runMs.length),
    run: {
      mean: mean(runMs),
      p99: at99(runMs),
      most: runMs.reduce((most, each) => Math.max(most, each), 0),
    },
    replay: { mean: mean(replayMs), p99: at99(replayMs) },
    ranAgain,
    rssAfter: process.memoryUsage().rss,
  }),
);
