import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis';
import { Redis as IoRedis5 } from 'ioredis-5';
import { createClient, createCluster, createSentinel } from 'redis';
import { createClient as createClient4, createCluster as createCluster4 } from 'redis-4';
import { createClient as createClient5, createSentinel as createSentinel5 } from 'redis-5';
import type { RedisClient } from '../../src/store/redis.js';

/** Its native package may not run on this machine: it needs glibc 2.17 or musl, on x64 or arm64. */
const glide = await import('@valkey/valkey-glide').catch(() => undefined);
export const hasGlide = glide !== undefined;
// It logs every error reply, also those that a test expects.
glide?.Logger.init('off');

export interface Connected {
  readonly client: RedisClient;
  end(): void;
}

const ignore = () => {};

type GlideOptions = Parameters<typeof import('@valkey/valkey-glide').GlideClient.createClient>[0];

/** Connects a GLIDE client to one server, or to a cluster. Only where it is there. */
export async function connectGlide(options: GlideOptions, isCluster = false): Promise<Connected> {
  if (glide === undefined) throw new Error('@valkey/valkey-glide is not here');
  const { GlideClient, GlideClusterClient } = glide;
  const client = await (isCluster ? GlideClusterClient : GlideClient).createClient(options);
  return { client, end: () => client.close() };
}

type Connect = (port: number, reconnectMs?: number) => Promise<Connected>;

/** Every supported client, connected to one server. */
export const CLIENTS: Readonly<Record<string, Connect>> = {
  'node-redis 6': async (port, reconnectMs) => {
    const client = createClient({ url: urlOf(port), ...nodeRedis(reconnectMs) });
    await client.on('error', ignore).connect();
    return { client, end: () => client.destroy() };
  },
  'node-redis 6, RESP2': async (port, reconnectMs) => {
    const client = createClient({ url: urlOf(port), RESP: 2, ...nodeRedis(reconnectMs) });
    await client.on('error', ignore).connect();
    return { client, end: () => client.destroy() };
  },
  'node-redis 5': async (port, reconnectMs) => {
    const client = createClient5({ url: urlOf(port), ...nodeRedis(reconnectMs) });
    await client.on('error', ignore).connect();
    return { client, end: () => client.destroy() };
  },
  'node-redis 4': async (port, reconnectMs) => {
    const client = createClient4({ url: urlOf(port), ...nodeRedis(reconnectMs) });
    await client.on('error', ignore).connect();
    return { client, end: () => void client.disconnect().catch(ignore) };
  },
  'ioredis 6': async (port, reconnectMs) => {
    const client = new IoRedis(port, ioRedis(reconnectMs)).on('error', ignore);
    return { client, end: () => client.disconnect() };
  },
  'ioredis 6 with a prefix of its own': async (port, reconnectMs) => {
    const options = { keyPrefix: 'own*:', ...ioRedis(reconnectMs) };
    const client = new IoRedis(port, options).on('error', ignore);
    return { client, end: () => client.disconnect() };
  },
  'ioredis 5': async (port, reconnectMs) => {
    const options = { enableAutoPipelining: true, ...ioRedis(reconnectMs) };
    const client = new IoRedis5(port, options).on('error', ignore);
    return { client, end: () => client.disconnect() };
  },
  ...(hasGlide && {
    'valkey-glide 2': (port, reconnectMs) => connectGlide(glideOptions(port, reconnectMs)),
  }),
};

/** The same for a cluster with one known node: the oldest and the newest interface. */
export const CLUSTER_CLIENTS: typeof CLIENTS = {
  'node-redis 6': async (port) => {
    const client = createCluster({ rootNodes: [{ url: urlOf(port) }] });
    await client.on('error', ignore).connect();
    return { client, end: () => client.destroy() };
  },
  'node-redis 4': async (port) => {
    const client = createCluster4({ rootNodes: [{ url: urlOf(port) }] });
    client.on('error', ignore);
    await client.connect();
    return { client, end: () => void client.disconnect().catch(ignore) };
  },
  'ioredis 6': async (port) => {
    const client = new IoCluster([{ host: '127.0.0.1', port }]).on('error', ignore);
    return { client, end: () => client.disconnect() };
  },
  ...(hasGlide && {
    'valkey-glide 2': (port, reconnectMs) => connectGlide(glideOptions(port, reconnectMs), true),
  }),
};

/** The same for a master that a sentinel announces. */
export const SENTINEL_CLIENTS: typeof CLIENTS = {
  'node-redis 6': async (port) => {
    const client = createSentinel({
      name: 'main',
      sentinelRootNodes: [{ host: '127.0.0.1', port }],
    });
    await client.on('error', ignore).connect();
    return { client, end: () => void client.destroy().catch(ignore) };
  },
  'node-redis 5': async (port) => {
    const client = createSentinel5({
      name: 'main',
      sentinelRootNodes: [{ host: '127.0.0.1', port }],
    });
    await client.on('error', ignore).connect();
    return { client, end: () => void client.destroy().catch(ignore) };
  },
  'ioredis 6': async (port) => {
    const sentinels = [{ host: '127.0.0.1', port }];
    const client = new IoRedis({ sentinels, name: 'main' }).on('error', ignore);
    return { client, end: () => client.disconnect() };
  },
};

const nodeRedis = (reconnectMs?: number) =>
  reconnectMs === undefined ? {} : { socket: { reconnectStrategy: () => reconnectMs } };
const ioRedis = (reconnectMs?: number) =>
  reconnectMs === undefined ? {} : { retryStrategy: () => reconnectMs };
const glideOptions = (port: number, reconnectMs?: number) => ({
  addresses: [{ host: '127.0.0.1', port }],
  // By default 250 ms, which a busy machine may take.
  requestTimeout: 60_000,
  ...(reconnectMs !== undefined && {
    connectionBackoff: { numberOfRetries: 1, factor: reconnectMs, exponentBase: 1 },
  }),
});
const urlOf = (port: number) => `redis://127.0.0.1:${port}`;
