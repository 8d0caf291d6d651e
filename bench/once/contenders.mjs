/**
 * Ways to run a function once for each order. All share the servers, and each has its own connection. A
 * way takes an order and returns its receipt, which `receiptOf` makes once.
 */
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

/**
 * @param {any} store
 * @param {Way} receiptOf
 * @returns {Promise<Way>}
 */
async function samekey(store, receiptOf) {
  const { keyOf } = await import('../../dist/index.js');
  const { createOnce } = await import('../../dist/once/index.js');
  const once = createOnce({ store });
  return (order) => once(keyOf(/** @type {any} */ (order)), () => receiptOf(order));
}

/** @type {Record<string, Contender>} */
export const CONTENDERS = {
  async 'samekey, memory'(_, receiptOf) {
    const { memoryStore } = await import('../../dist/store/memory.js');
    return samekey(memoryStore(), receiptOf);
  },
  async 'samekey, LMDB'({ folder }, receiptOf) {
    const { lmdbStore } = await import('../../dist/store/lmdb.js');
    return samekey(lmdbStore({ path: folder }), receiptOf);
  },
  async 'samekey, Redis'({ redisUrl }, receiptOf) {
    const { redisStore } = await import('../../dist/store/redis.js');
    return samekey(redisStore({ client: await nodeRedis(redisUrl) }), receiptOf);
  },
  async 'samekey, Redis by ioredis'({ redisUrl }, receiptOf) {
    const { Redis } = await import('ioredis');
    const { redisStore } = await import('../../dist/store/redis.js');
    return samekey(redisStore({ client: new Redis(redisUrl) }), receiptOf);
  },
  async 'samekey, PostgreSQL'({ postgresUrl }, receiptOf) {
    const { default: pg } = await import('pg');
    const { postgresStore } = await import('../../dist/store/postgres.js');
    const store = postgresStore({ pool: new pg.Pool({ connectionString: postgresUrl }) });
    await store.migrate();
    return samekey(store, receiptOf);
  },
  async '@aws-lambda-powertools/idempotency, Redis'({ redisUrl }, receiptOf) {
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
  async '@node-idempotency/core, Redis'({ redisUrl }, receiptOf) {
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
