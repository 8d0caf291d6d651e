import { readOptions } from '../options/read.js';
import { type OptionsOf, required, specs, text, value } from '../options/spec.js';
import { isBoundToRequest } from '../runtime/runtime.js';
import { hostOf, httpConnection, type UpstashClient } from './redis/http.js';
import { RecordStore } from './redis/record-store.js';
import { DEFAULT_PREFIX } from './redis/record-text.js';
import type { Store } from './store.js';

export type { UpstashClient } from './redis/http.js';

const upstashStoreOptions = /* @__PURE__ */ specs(() => ({
  // `httpConnection` checks it.
  /** A `Redis` of `@upstash/redis`, including those of its entries for Cloudflare and Fastly. It may have any options. */
  client: required(value<UpstashClient>('a Redis client of @upstash/redis')),
  /** What the names of keys begin with. */
  prefix: text({ default: DEFAULT_PREFIX }),
}));

/** The options of `upstashStore`. */
export interface UpstashStoreOptions extends OptionsOf<typeof upstashStoreOptions> {}

/**
 * Returns a store in Redis over HTTP, for functions that cannot open a TCP connection. Its records
 * are those of `redisStore` with the same prefix: some processes can use the one, others the other.
 *
 * Each step is one request with one script, which also checks that texts arrive as they were sent.
 * Waiting duplicates poll.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` if `client` is not a supported client.
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type.
 * @example
 * import { Redis } from '@upstash/redis';
 *
 * const client = new Redis({ url: 'https://example.upstash.io', token: 'secret' });
 * const store = upstashStore({ client, prefix: 'orders:' });
 * store.name; // 'upstash'
 */
export function upstashStore(options: UpstashStoreOptions): Store {
  const { client, prefix } = readOptions(upstashStoreOptions, options, 'options of upstashStore');
  return new RecordStore({
    name: 'upstash',
    connection: httpConnection(client),
    prefix,
    address: () => hostOf(client),
    // A request that ends must not take the calls of another one with it.
    isSharing: !isBoundToRequest(),
  });
}
