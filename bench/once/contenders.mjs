/**
 * Ways to run a function once for each order. All share the servers, and each has its own connection. A
 * way takes an order and returns its receipt, which `receiptOf` makes once.
 */
import path from 'node:path';
import { buildNames, loadModule, SAMEKEY } from '../build.mjs';
import { createRandom } from '../random.mjs';

/**
 * @typedef {{ id: string }} Order
 * @typedef {{ order: string, text: string }} Receipt
 * @typedef {{ redisUrl: string, postgresUrl: string, folder: string }} Servers
 * @typedef {(order: Order) => Promise<Receipt>} Way
 * @typedef {(servers: Servers, receiptOf: Way) => Promise<Way>} Contender
 */

/** Returns text that a database cannot compress. @param {number} byteCount */
export const textOf = (byteCount) =>
  Buffer.from(createRandom(byteCount).bytes(Math.ceil((byteCount * 3) / 4)))
    .toString('base64')
    .slice(0, byteCount);

/** @param {string} url */
async function nodeRedis(url) {
  const { createClient } = await import('@redis/client');
  return await createClient({ url }).connect();
}

/** Opens a store of one build. @typedef {(build: string, servers: Servers) => Promise<any>} OpenStore */

/** @type {Record<string, OpenStore>} */
const OPEN_STORE = {
  async memory(build) {
    const { memoryStore } = await loadModule(build, 'store/memory.js');
    return memoryStore();
  },
  async LMDB(build, { folder }) {
    const { lmdbStore } = await loadModule(build, 'store/lmdb.js');
    return lmdbStore({ path: path.join(folder, build) });
  },
  async Redis(build, { redisUrl }) {
    const { redisStore } = await loadModule(build, 'store/redis.js');
    return redisStore({ client: await nodeRedis(redisUrl) });
  },
  async PostgreSQL(build, { postgresUrl }) {
    const { default: pg } = await import('pg');
    const { postgresStore } = await loadModule(build, 'store/postgres.js');
    // Two builds may differ in their tables.
    const database = build.replace(/\W+/g, '_');
    const admin = new pg.Client(postgresUrl);
    await admin.connect();
    await admin.query(`CREATE DATABASE ${database}`);
    await admin.end();
    const url = Object.assign(new URL(postgresUrl), { pathname: `/${database}` });
    const store = postgresStore({ pool: new pg.Pool({ connectionString: url.href }) });
    await store.migrate();
    return store;
  },
};

/**
 * @param {string} build
 * @param {any} store
 * @param {Way} receiptOf
 * @returns {Promise<Way>}
 */
async function samekey(build, store, receiptOf) {
  const { keyOf } = await loadModule(build, 'index.js');
  const { createOnce } = await loadModule(build, 'once/index.js');
  const once = createOnce({ store });
  return (order) => once(keyOf(/** @type {any} */ (order)), () => receiptOf(order));
}

/**
 * @param {string} store such as `Redis`
 * @returns {Record<string, Contender>}
 */
export const contendersOf = (store) => ({
  ...Object.fromEntries(
    buildNames().map((build) => [
      build,
      async (/** @type {Servers} */ servers, /** @type {Way} */ receiptOf) =>
        samekey(build, await OPEN_STORE[store]?.(build, servers), receiptOf),
    ]),
  ),
  ...OTHERS[store],
});

export const POWERTOOLS = '@aws-lambda-powertools/idempotency';
export const NODE_IDEMPOTENCY = '@node-idempotency/core';

/** @type {Record<string, Contender>} */
const ON_REDIS = {
  async 'samekey with ioredis'({ redisUrl }, receiptOf) {
    const { Redis } = await import('ioredis');
    const { redisStore } = await loadModule(SAMEKEY, 'store/redis.js');
    return samekey(SAMEKEY, redisStore({ client: new Redis(redisUrl) }), receiptOf);
  },
  async [POWERTOOLS]({ redisUrl }, receiptOf) {
    const { IdempotencyConfig, makeIdempotent } = await import(
      '@aws-lambda-powertools/idempotency'
    );
    const { CachePersistenceLayer } = await import('@aws-lambda-powertools/idempotency/cache');
    const client = /** @type {any} */ (await nodeRedis(redisUrl));
    // Lambda provides this context. Without it every call logs a warning.
    const lambdaContext = /** @type {any} */ ({ getRemainingTimeInMillis: () => 30_000 });
    return /** @type {Way} */ (
      makeIdempotent(/** @type {any} */ (receiptOf), {
        persistenceStore: new CachePersistenceLayer({ client }),
        config: new IdempotencyConfig({ lambdaContext }),
        keyPrefix: 'bench',
      })
    );
  },
  async [NODE_IDEMPOTENCY]({ redisUrl }, receiptOf) {
    const { Idempotency } = await import('@node-idempotency/core');
    const { RedisStorageAdapter } = await import('@node-idempotency/storage-adapter-redis');
    const storage = new RedisStorageAdapter({ url: redisUrl });
    await storage.connect();
    const idempotency = new Idempotency(/** @type {any} */ (storage));
    return async (order) => {
      const request = {
        method: 'POST',
        path: '/orders',
        headers: { 'idempotency-key': order.id },
        body: order,
      };
      const stored = await idempotency.onRequest(request);
      if (stored) return /** @type {Receipt} */ (stored.body);
      const receipt = await receiptOf(order);
      await idempotency.onResponse(request, { body: receipt });
      return receipt;
    };
  },
};

/** The contenders beside the builds of samekey, by store. @type {Record<string, Record<string, Contender>>} */
const OTHERS = { Redis: ON_REDIS };
