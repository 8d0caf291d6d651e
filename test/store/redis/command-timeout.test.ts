import { createClient } from 'redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';

describeWith('redis-server', hasRedis, 'the time limit of a command of node-redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  /** The time limits of the signals that the client makes for a step of the store. */
  async function limitsOf(commandOptions?: { readonly timeout: number }): Promise<Set<number>> {
    const client = createClient({ url: server.url, ...(commandOptions && { commandOptions }) });
    await client.on('error', () => {}).connect();
    const store = redisStore({ client, prefix: 'limits:' });
    await store.read('a');
    const { timeout } = AbortSignal;
    const limits = new Set<number>();
    AbortSignal.timeout = (ms) => {
      limits.add(ms);
      return timeout.call(AbortSignal, ms);
    };
    try {
      await Promise.all([store.read('a'), store.read('b')]);
    } finally {
      AbortSignal.timeout = timeout;
      client.destroy();
    }
    return limits;
  }

  it('is not the default of the client', async () => {
    expect(await limitsOf()).toEqual(new Set());
  });

  it('is that of the program, if it has set one', async () => {
    expect(await limitsOf({ timeout: 4321 })).toEqual(new Set([4321]));
  });
});
