import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce, type OnceOptions } from '../../../src/once/index.js';
import { redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';

describeWith('redis-server', hasRedis, 'the Redis store when the server refuses', () => {
  let server: RedisServer;
  const ends: (() => unknown)[] = [];
  const open = (url = server.url, settings: Partial<OnceOptions> = {}) => {
    const client = new Redis(url, { maxRetriesPerRequest: 1 }).on('error', () => {});
    const store = redisStore({ client });
    const once = createOnce({ store, cache: false, ...settings });
    ends.push(async () => {
      await once.close();
      client.disconnect();
    });
    return { store, once };
  };
  beforeAll(async () => {
    server = await startRedis('--user', 'worker', 'on', '>right', '~*', '&*', '+@all');
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  afterAll(() => server?.stop());

  it.each(['ioredis', 'node-redis'])(
    'a wrong password at once, and shows none: %s',
    async (name) => {
      const url = `redis://worker:hunter2@127.0.0.1:${server.port}`;
      let once = open(url).once;
      if (name === 'node-redis') {
        const client = createClient({ url, socket: { reconnectStrategy: false } });
        client.on('error', () => {});
        await expect(client.connect()).rejects.toThrow('WRONGPASS');
        once = createOnce({ store: redisStore({ client }), cache: false });
      }
      const error = await once(randomKey(), () => expect.fail('it ran')).catch((error) => error);
      expect(error).toMatchObject({
        code: 'SAMEKEY_STORE',
        message: expect.stringContaining(`the store redis at 127.0.0.1:${server.port} failed: `),
      });
      if (name === 'ioredis') expect(error.message).toMatch(/WRONGPASS|NOAUTH|NOPERM/);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
    },
  );

  it('writes because it is a replica, and says so', async () => {
    const { once } = open();
    const key = randomKey();
    expect(await once(key, () => 'kept')).toBe('kept');
    const replica = await startRedis('--replicaof', '127.0.0.1', String(server.port));
    ends.push(() => replica.stop());
    await expect.poll(() => replica.ask('INFO', 'replication')).toMatch(/master_link_status:up/);
    const other = open(replica.url).once;
    const error = await other(randomKey(), () => expect.fail('it ran')).catch((error) => error);
    expect(error).toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/READONLY/),
    });
  });

  it('new keys because it is full, and keeps a result when there is room', async () => {
    const { once } = open();
    const key = randomKey();
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    const value = await once(key, async () => {
      await server.ask('CONFIG', 'SET', 'maxmemory', '1');
      await expect(once(randomKey(), () => expect.fail('it ran'))).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        message: expect.stringMatching(/OOM/),
      });
      setTimeout(() => server.ask('CONFIG', 'SET', 'maxmemory', '0'), 300);
      return 'paid';
    });
    expect(value).toBe('paid');
    expect(await open().once(key, () => expect.fail('it ran again'))).toBe('paid');
  });

  it('to live between claim and completion, and keeps the result once it is back', async () => {
    const own = await startRedis();
    ends.push(() => own.stop());
    const { once, store } = open(own.url, { storeTimeoutMs: 2000 });
    const key = randomKey();
    let restart: Promise<void> | undefined;
    const value = await once(key, async () => {
      await own.kill();
      restart = new Promise((resolve) => setTimeout(resolve, 300)).then(() => own.start());
      return 'paid';
    });
    expect(value).toBe('paid');
    await restart;
    await expect.poll(async () => (await store.read(key)).record?.state).toBe('done');
    expect(await once(key, () => expect.fail('it ran again'))).toBe('paid');
  });

  it('to answer in time, and gets its late claim back', async () => {
    const { once, store } = open(server.url, { storeTimeoutMs: 200 });
    // The self-check comes first.
    await store.read('any');
    const key = randomKey();
    await server.ask('CLIENT', 'PAUSE', '1000', 'WRITE');
    await expect(once(key, () => expect.fail('it ran'))).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/no answer within 200 ms/),
    });
    await server.ask('CLIENT', 'UNPAUSE');
    await expect.poll(async () => (await store.read(key)).record).toBe(undefined);
    expect(await open().once(key, () => 'ran')).toBe('ran');
  });
});
