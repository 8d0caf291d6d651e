/**
 * How a process opens each kind of store, by the name of the kind, in the built package. A new store is
 * one line here and one line in `all-stores.ts`.
 */
// The clients reconnect. The store reports the failures until then.
const ignore = () => {};
const redisStore = async (client) =>
  (await import('../../dist/store/redis.js')).redisStore({ client });

const glide = async () => {
  const module = await import('@valkey/valkey-glide');
  // It logs every error reply.
  module.Logger.init('off');
  return module;
};
const glideOptions = (port) => ({
  addresses: [{ host: '127.0.0.1', port: Number(port) }],
  // By default 250 ms, which a busy machine may take.
  requestTimeout: 10_000,
});

export const OPEN = {
  memory: async () => (await import('../../dist/store/memory.js')).memoryStore(),
  redis: async ({ url }) => {
    const { createClient } = await import('redis');
    const client = createClient({ url });
    await client.on('error', ignore).connect();
    return redisStore(client);
  },
  ioredis: async ({ url }) => {
    const { Redis } = await import('ioredis');
    return redisStore(new Redis(url).on('error', ignore));
  },
  glide: async ({ url }) => {
    const { GlideClient } = await glide();
    return redisStore(await GlideClient.createClient(glideOptions(new URL(url).port)));
  },
  'glide cluster': async ({ port }) => {
    const { GlideClusterClient } = await glide();
    return redisStore(await GlideClusterClient.createClient(glideOptions(port)));
  },
  'node-redis cluster': async ({ url }) => {
    const { createCluster } = await import('redis');
    const client = createCluster({ rootNodes: [{ url }] });
    await client.on('error', ignore).connect();
    return redisStore(client);
  },
  'ioredis cluster': async ({ port }) => {
    const { Cluster } = await import('ioredis');
    return redisStore(new Cluster([{ host: '127.0.0.1', port }]).on('error', ignore));
  },
  'ioredis sentinel': async ({ sentinels }) => {
    const { Redis } = await import('ioredis');
    return redisStore(new Redis({ sentinels, name: 'torture' }).on('error', ignore));
  },
  'node-redis sentinel': async ({ sentinels }) => {
    const { createSentinel } = await import('redis');
    const client = createSentinel({ name: 'torture', sentinelRootNodes: sentinels });
    await client.on('error', ignore).connect();
    return redisStore(client);
  },
  upstash: async ({ url }) => {
    const { Redis } = await import('@upstash/redis');
    const client = new Redis({ url, token: 'token-of-the-tests' });
    return (await import('../../dist/store/upstash.js')).upstashStore({ client });
  },
  postgres: async ({ url, max = 3, prepare = true }) => {
    const { Pool } = (await import('pg')).default;
    const pool = new Pool({ connectionString: url, max }).on('error', ignore);
    return (await import('../../dist/store/postgres.js')).postgresStore({ pool, prepare });
  },
  mysql: async ({ url, max = 3 }) => {
    const { createPool } = await import('mysql2/promise');
    const pool = createPool({ uri: url, connectionLimit: max });
    return (await import('../../dist/store/mysql.js')).mysqlStore({ pool });
  },
  sqlite: async ({ path }) => {
    const database = new (await import('libsql')).default(`${path}/records.db`, { timeout: 10 });
    const isWal = () => {
      try {
        return database.pragma('journal_mode = WAL')[0].journal_mode === 'wal';
      } catch (error) {
        // Another process is making the same file.
        if (error.code !== 'SQLITE_BUSY') throw error;
        return false;
      }
    };
    while (!isWal());
    return (await import('../../dist/store/sqlite.js')).sqliteStore({ database });
  },
  dynamodb: async ({ url }) => {
    const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb');
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = new DynamoDBClient({ endpoint: url, region: 'eu-west-1', credentials });
    return (await import('../../dist/store/dynamodb.js')).dynamoDbStore({ client });
  },
  lmdb: async ({ path }) => (await import('../../dist/store/lmdb.js')).lmdbStore({ path }),
};
