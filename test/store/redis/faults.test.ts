import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { type RedisClient, redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { connectGlide, hasGlide } from '../../servers/redis-clients.js';

const PASSWORD = 'hunter2';

type Connected = { client: RedisClient; end(): void };
/** The newest of each library, which may connect later. */
const CLIENTS: Record<string, (port: number, password?: string) => Promise<Connected>> = {
  async 'node-redis'(port, password) {
    const socket = { host: '127.0.0.1', port, reconnectStrategy: 20 };
    const client = createClient({ socket, ...(password && { password }) }).on('error', () => {});
    const connected = client.connect().catch(() => {});
    if (password === undefined) await Promise.race([connected, sleep(100)]);
    return { client: client as RedisClient, end: () => client.destroy() };
  },
  async ioredis(port, password) {
    const options = { retryStrategy: () => 20, ...(password && { password }) };
    const client = new Redis(port, '127.0.0.1', options).on('error', () => {});
    return { client, end: () => client.disconnect() };
  },
  ...(hasGlide && {
    'valkey-glide': (port: number, password?: string) =>
      connectGlide({
        addresses: [{ host: '127.0.0.1', port }],
        lazyConnect: true,
        requestTimeout: 60_000,
        connectionBackoff: { numberOfRetries: 1, factor: 20, exponentBase: 1 },
        ...(password && { credentials: { password } }),
      }),
  }),
};

const errorOf = (call: Promise<unknown>) =>
  call.then(
    (value) => expect.fail(`it resolved to ${value}`),
    (error: Error & { code?: string }) => error,
  );

describeWith('redis-server', hasRedis, 'a Redis server with a fault', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  describe.each(Object.entries(CLIENTS))('%s', (name, connect) => {
    const onceOn = (client: RedisClient, options = {}) =>
      createOnce({
        store: redisStore({ client, prefix: `${name}:` }),
        cache: false,
        storeTimeoutMs: 20_000,
        ...options,
      });

    /** The error of a call that does not run. */
    async function refusal(once: ReturnType<typeof onceOn>, port: number): Promise<string> {
      const error = await errorOf(once(randomKey(), () => expect.fail('it ran')));
      expect(error).toMatchObject({ name: 'OnceError', code: 'SAMEKEY_STORE' });
      expect(inspect(error, { depth: 9 })).not.toContain(PASSWORD);
      expect(error.message).toContain(`the store redis at 127.0.0.1:${port} failed: `);
      return error.message;
    }

    it('that is down at the start runs nothing, and works when it is up', async () => {
      const late = await startRedis();
      await late.kill();
      const { client, end } = await connect(late.port);
      const once = onceOn(client, { storeTimeoutMs: 500 });
      await refusal(once, late.port);
      await late.start();
      await expect.poll(() => once(randomKey(), () => 1).catch(String)).toBe(1);
      await once.close();
      end();
      await late.stop();
    });

    it('that dies between claim and completion keeps the result once it is back', async () => {
      const mortal = await startRedis();
      const { client, end } = await connect(mortal.port);
      const once = onceOn(client, { storeTimeoutMs: 2000 });
      await once(randomKey(), () => 1);
      const key = randomKey();
      let restart: Promise<void> | undefined;
      const value = await once(key, async () => {
        await mortal.kill();
        restart = sleep(300).then(() => mortal.start());
        return 'paid';
      });
      expect(value).toBe('paid');
      await restart;
      const store = redisStore({ client, prefix: `${name}:` });
      const stateOf = () => store.read(key).then(({ record }) => record?.state, String);
      await expect.poll(stateOf).toBe('done');
      expect(await once(key, () => expect.fail('it ran again'))).toBe('paid');
      await once.close();
      end();
      await mortal.stop();
    });

    it('that does not take the password says so, without it', async () => {
      const closed = await startRedis();
      await closed.ask('CONFIG', 'SET', 'requirepass', 'another');
      const { client, end } = await connect(closed.port, PASSWORD);
      const once = onceOn(client, { storeTimeoutMs: 2000 });
      // node-redis may close first, and has told its program why.
      const why = name === 'node-redis' ? /WRONGPASS|NOAUTH|closed|no answer/ : /WRONGPASS/;
      expect(await refusal(once, closed.port)).toMatch(why);
      await once.close();
      end();
      await closed.stop();
    });

    it.each([
      [
        'has become a replica',
        ['REPLICAOF', '127.0.0.1', '1'],
        ['REPLICAOF', 'NO', 'ONE'],
        'READONLY ',
      ],
      ['is full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0'], 'OOM '],
      [
        'has lost its replicas',
        ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
        ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
        'NOREPLICAS ',
      ],
    ])('that %s refuses the claim in its own words', async (_, begin, end, words) => {
      const connected = await connect(server.port);
      const once = onceOn(connected.client);
      await once(randomKey(), () => 1);
      await server.ask(...begin);
      expect(await refusal(once, server.port)).toContain(`failed: ${words}`);
      await server.ask(...end);
      expect(await once(randomKey(), () => 2)).toBe(2);
      await once.close();
      connected.end();
    });

    it('that answers too late runs nothing, and the key is free again', async () => {
      const { client, end } = await connect(server.port);
      await onceOn(client)(randomKey(), () => 1);
      const once = onceOn(client, { storeTimeoutMs: 300 });
      await once(randomKey(), () => 1);
      await server.ask('CLIENT', 'PAUSE', '600000', 'WRITE');
      const key = randomKey();
      const error = await errorOf(once(key, () => expect.fail('it ran')));
      expect(error.message).toContain('failed: no answer within 300 ms');
      await server.ask('CLIENT', 'UNPAUSE');
      await expect.poll(() => once(key, () => 2).catch(String)).toBe(2);
      await once.close();
      end();
    });

    it('that has a value of another program leaves it there', async () => {
      const { client, end } = await connect(server.port);
      const store = redisStore({ client, prefix: `${name}:` });
      await server.ask('SET', `${name}:theirs`, 'theirs');
      await server.ask('LPUSH', `${name}:list`, 'theirs');
      await expect(store.read('theirs')).rejects.toThrow(
        /^ERR the value is not a record of samekey/,
      );
      await expect(store.read('list')).rejects.toThrow(/^WRONGTYPE /);
      expect(await server.ask('GET', `${name}:theirs`)).toContain('theirs');
      end();
    });
  });
});
