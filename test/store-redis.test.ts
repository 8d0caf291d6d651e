import { Redis as IoRedis } from 'ioredis';
import { Redis as IoRedis5 } from 'ioredis-5';
import { createClient } from 'redis';
import { createClient as createClient4 } from 'redis-4';
import { createClient as createClient5 } from 'redis-5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisClient, redisStore } from '../src/store/redis.js';
import { type RedisServer, startRedis } from './servers/redis.js';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const CLIENTS: Record<string, () => Promise<{ client: RedisClient; end: () => unknown }>> = {
  'node-redis 6': async () => {
    const client = createClient({ url: server.url });
    client.on('error', () => {});
    await client.connect();
    return { client, end: () => client.destroy() };
  },
  'node-redis 5': async () => {
    const client = createClient5({ url: server.url });
    client.on('error', () => {});
    await client.connect();
    return { client, end: () => client.destroy() };
  },
  'node-redis 4': async () => {
    const client = createClient4({ url: server.url });
    client.on('error', () => {});
    await client.connect();
    return { client, end: () => client.disconnect() };
  },
  'ioredis 6': async () => {
    const client = new IoRedis(server.port);
    client.on('error', () => {});
    return { client, end: () => client.disconnect() };
  },
  'ioredis 5': async () => {
    const client = new IoRedis5(server.port, { keyPrefix: 'p:' });
    client.on('error', () => {});
    return { client, end: () => client.disconnect() };
  },
};
const request = {
  leaseMs: 1000,
  ttlMs: 10000,
  fingerprint: 'f\n',
  takeUnknown: true,
  takeFinished: false,
};
describe.each(Object.entries(CLIENTS))('%s', (name, connect) => {
  it('works', async () => {
    const { client, end } = await connect();
    const store = redisStore({ client, prefix: `${name}:` });
    expect(await store.claim('k', { ...request, owner: 'a' })).toMatchObject({
      claimed: true,
      record: { fingerprint: 'f\n', attempt: 1, state: 'running' },
    });
    let told = 0;
    const stop = await store.watch?.('k', () => {
      told++;
    });
    expect(await store.claim('k', { ...request, owner: 'b' })).toMatchObject({ claimed: false });
    expect(await store.renew('k', 'a', 2000)).toBe(true);
    expect(
      await store.complete('k', 'a', {
        state: 'done',
        codec: 'json',
        payload: Uint8Array.of(1, 10, 255),
        ttlMs: 1000,
      }),
    ).toBe(true);
    expect((await store.read('k')).record).toMatchObject({
      state: 'done',
      payload: Uint8Array.of(1, 10, 255),
    });
    await expect.poll(() => told).toBeGreaterThan(0);
    stop?.();
    const all = [];
    for await (const entry of store.list?.() ?? []) all.push(entry.key);
    expect(all).toEqual(['k']);
    await store.close();
    await end();
  });
});
