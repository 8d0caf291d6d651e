import { readOptions } from '../options/read.js';
import { type OptionsOf, required, specs, text, value } from '../options/spec.js';
import { addressOf, type Connection, type RedisClient, toConnection } from './redis/client.js';
import { isOneServer } from './redis/one-server.js';
import { RecordStore, type Verified } from './redis/record-store.js';
import { DEFAULT_PREFIX } from './redis/record-text.js';
import { ScriptRunner } from './redis/script-runner.js';
import { verifyClient, withTimeLimit } from './redis/self-check.js';
import { Subscriptions } from './redis/subscriptions.js';
import type { Store } from './store.js';

export type { RedisClient } from './redis/client.js';

const redisStoreOptions = /* @__PURE__ */ specs(() => ({
  // `toConnection` checks it.
  /** A client of `redis` (4 to 6), `ioredis` (5 or 6) or `@valkey/valkey-glide` (2), of one server or of a cluster. The program listens for its errors and closes it. */
  client: required(value<RedisClient>('a client of redis, ioredis or @valkey/valkey-glide')),
  /** What the names of keys and channels begin with. */
  prefix: text({ default: DEFAULT_PREFIX }),
}));

/** The options of `redisStore`. */
export interface RedisStoreOptions extends OptionsOf<typeof redisStoreOptions> {}

/**
 * Returns a store in Redis, Valkey, or a cluster of either, for all processes that can reach it.
 *
 * A claim takes one round trip, and so does every other step. Waiting duplicates are notified over
 * Pub/Sub. The store opens one more connection for it, with the client's options, when the first
 * duplicate waits. Before its first use the client must pass a self-check; a client that
 * fails it is rejected with the `TypeError` `SAMEKEY_BAD_CLIENT`. A server that evicts keys
 * (`maxmemory-policy`) loses records.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `client` is not a supported client.
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type.
 * @example
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: 'redis://localhost:6379' });
 * const store = redisStore({ client, prefix: 'orders:' });
 * store.name; // 'redis'
 */
export function redisStore(options: RedisStoreOptions): Store {
  const { client, prefix } = readOptions(redisStoreOptions, options, 'options of redisStore');
  const connection = toConnection(client);
  const { openSubscriber } = connection;
  const setting = { name: 'redis', connection, prefix };
  return new RecordStore({
    ...setting,
    address: () => addressOf(client),
    verify: () => verify(connection, prefix, new RecordStore(setting)),
    subscriptions: openSubscriber && new Subscriptions(openSubscriber),
  });
}

async function verify(connection: Connection, prefix: string, unchecked: Store): Promise<Verified> {
  const scratchKey = await verifyClient((key) => prefix + key, unchecked, connection);
  const scripts = new ScriptRunner(connection);
  const name = String(await withTimeLimit(scripts.run('name', [prefix + scratchKey])));
  return {
    serverPrefix: name.slice(0, name.length - scratchKey.length),
    isSharing: await withTimeLimit(isOneServer(connection, scripts, prefix)),
  };
}
