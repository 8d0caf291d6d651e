import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { type RedisClient, redisStore } from '../../../src/store/redis.js';
import type { Store } from '../../../src/store/store.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { CLIENTS } from '../../servers/redis-clients.js';
import { outcome, request } from '../requests.js';

describe('values that are not clients', () => {
  it.each([undefined, null, 1, 'redis://localhost', {}, [], () => {}])('%s', (client) => {
    expect(() => redisStore({ client: client as unknown as RedisClient })).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'SAMEKEY_BAD_CLIENT',
        message: expect.stringMatching(/^Cannot make a Redis store: client is .*, wanted a client/),
      }),
    );
  });

  it('and other options', () => {
    const client = { sendCommand: async () => {} };
    expect(() => redisStore({ client, prefix: 1 } as never)).toThrow(/prefix is a number, wanted/);
    expect(() => redisStore({ client, ttl: 1 } as never)).toThrow(/there is no member "ttl"/);
  });
});

describeWith('redis-server', hasRedis, 'a Redis client', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url).on('error', () => {});
  });
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });

  /** The commands that the server executes during `act`, without those inside scripts. */
  async function commandsOf(act: () => Promise<unknown>): Promise<string[]> {
    // The check of a connection sends INFO, which the monitor may see late.
    const options = { enableReadyCheck: false, lazyConnect: true };
    const monitor = await new Redis(server.url, options).monitor();
    const commands: string[] = [];
    monitor.on('monitor', (_: string, args: string[], source: string) => {
      if (source !== 'lua') commands.push((args[0] as string).toUpperCase());
    });
    await act();
    // The server executes commands of a connection in order, so all commands before this one are
    // done.
    await client.echo('the end');
    await expect.poll(() => commands.at(-1)).toBe('ECHO');
    monitor.disconnect();
    return commands.slice(0, -1);
  }

  describe.each(Object.entries(CLIENTS))('%s', (name, connect) => {
    it('makes one round trip for every step', async () => {
      const { client, end } = await connect(server.port);
      const store = redisStore({ client, prefix: `${name}:` });
      await store.read('k');
      // The texts of the scripts are sent once.
      await store.claim('once', request('a'));
      await store.renew('once', 'a', 1000);
      await store.release('once', 'a');
      const once = createOnce({ store, cache: false });
      const key = randomKey();
      expect(await commandsOf(() => store.claim('k', request('a')))).toEqual(['EVALSHA']);
      expect(await commandsOf(() => store.claim('k', request('b')))).toEqual(['EVALSHA']);
      expect(await commandsOf(() => store.renew('k', 'a', 60_000))).toEqual(['EVALSHA']);
      expect(await commandsOf(() => store.complete('k', 'a', outcome))).toEqual(['EVALSHA']);
      expect(await commandsOf(() => store.read('k'))).toEqual(['EVALSHA']);
      expect(await commandsOf(() => store.evict('k'))).toEqual(['EVALSHA']);
      expect(await commandsOf(() => once(key, () => 1))).toEqual(['EVALSHA', 'EVALSHA']);
      expect(await commandsOf(() => once(key, () => 2))).toEqual(['EVALSHA']);
      await once.close();
      end();
    });

    it('subscribes on one more connection, from the first watcher until close()', async () => {
      const { client, end } = await connect(server.port);
      const store = redisStore({ client, prefix: `${name}:` });
      await store.read('k');
      const connections = async () =>
        (await server.ask('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
          .split('\n')
          .filter((line) => /^id=/.test(line)).length;
      expect(await connections()).toBe(0);
      const ends = await Promise.all(
        ['a', 'b', 'c', 'a'].map((key) => store.watch?.(key, () => {})),
      );
      expect(await connections()).toBe(1);
      const channels = async () =>
        ((await server.ask('PUBSUB', 'CHANNELS')).match(/\$\d+/g) ?? []).length;
      expect(await channels()).toBe(3);
      ends[0]?.();
      ends[1]?.();
      await expect.poll(channels).toBe(2);
      ends[3]?.();
      await expect.poll(channels).toBe(1);
      await store.close();
      await expect.poll(connections).toBe(0);
      end();
    });

    it('publishes only results that a caller may wait for', async () => {
      const { client, end } = await connect(server.port);
      const store = redisStore({ client, prefix: `${name}:` });
      await store.read('k');
      const published = async () => {
        const stats = await server.ask('INFO', 'commandstats');
        return Number(/cmdstat_publish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
      };
      const before = await published();
      for (const key of ['p', 'q']) await store.claim(key, request('a'));
      await store.renew('p', 'a', 60_000);
      await store.complete('p', 'a', outcome);
      await store.release('q', 'a');
      expect(await published()).toBe(before);
      for (const key of ['r', 's', 't']) {
        await store.claim(key, request('a'));
        for (const other of ['b', 'c']) await store.claim(key, request(other));
        await store.renew(key, 'a', 60_000);
      }
      expect((await store.read('r')).record?.state).toBe('running');
      await store.complete('r', 'a', outcome);
      await store.release('s', 'a');
      await store.renew('t', 'a', 0);
      // The earlier waiters also wait for the next owner.
      expect((await store.claim('t', { ...request('d'), takeUnknown: true })).claimed).toBe(true);
      await store.complete('t', 'd', outcome);
      expect(await published()).toBe(before + 4);
      for (const key of ['p', 'r', 't']) await store.evict(key);
      end();
    });

    it('hears again when its connections were cut', async () => {
      const { client, end } = await connect(server.port);
      const store = redisStore({ client, prefix: `${name}:` });
      await store.claim('cut', request('a'));
      // A waiting caller was refused. Otherwise the store publishes nothing.
      expect((await store.claim('cut', request('b'))).claimed).toBe(false);
      let told = 0;
      await store.watch?.('cut', () => {
        told++;
      });
      await server.ask('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
      // Messages may have been lost, so watchers are notified.
      await expect.poll(() => told).toBeGreaterThan(0);
      await expect.poll(async () => server.ask('PUBSUB', 'CHANNELS')).toContain('cut');
      const before = told;
      await store.complete('cut', 'a', outcome);
      await expect.poll(() => told).toBeGreaterThan(before);
      await store.evict('cut');
      await store.close();
      end();
    });

    it('sends the scripts again to a server that forgot them', async () => {
      const { client, end } = await connect(server.port);
      const store = redisStore({ client, prefix: `${name}:` });
      await store.claim('flushed', request('a'));
      await server.ask('SCRIPT', 'FLUSH');
      expect(await store.complete('flushed', 'a', outcome)).toBe(true);
      expect((await store.read('flushed')).record?.payload).toEqual(outcome.payload);
      await store.evict('flushed');
      end();
    });
  });

  describe('is rejected if it changes commands or replies', () => {
    type Send = (name: string, args: unknown[], send: () => Promise<unknown>) => unknown;

    /** The real client, with `change` between it and the store. */
    function between(change: Send): RedisClient {
      return new Proxy(client, {
        get(target, name) {
          const member = Reflect.get(target, name, target);
          if (typeof member !== 'function' || !String(name).endsWith('Buffer')) return member;
          return async (...args: unknown[]) =>
            change(String(name), args, () => member.apply(target, args));
        },
      });
    }

    /** The reply to a claim: the time, and for a key that had a record also the record. */
    type ClaimReply = [number, 1 | [0 | 1, Buffer]];
    const granted = (reply: unknown) => {
      const [time, decision] = reply as ClaimReply;
      return [time, decision === 1 ? 1 : [1, decision[1]]];
    };
    const refused = (reply: unknown, record: unknown) => [(reply as ClaimReply)[0], [0, record]];

    /** Of one key: the script, the number of keys, the key, the arguments. */
    const isStep = (name: string, args: unknown[]) => /^eval/.test(name) && args.length === 9;
    const isCompletion = (name: string, args: unknown[]) =>
      isStep(name, args) && args[3] === 'done';
    const isClaim = (name: string, args: unknown[]) => isStep(name, args) && args[3] !== 'done';

    it.each<[string, Send, RegExp]>([
      [
        'it grants every claim',
        async (name, args, send) => (isClaim(name, args) ? granted(await send()) : send()),
        /a key that was there was set again/,
      ],
      [
        'it sets nothing',
        async (name, args, send) =>
          isClaim(name, args)
            ? refused(await send(), await client.getBuffer(args[2] as string))
            : send(),
        /a key that was absent was not set/,
      ],
      [
        'it answers every change with yes',
        (name, args, send) => (isCompletion(name, args) ? [Date.now(), 1] : send()),
        /a value was changed by somebody who does not own it/,
      ],
      [
        'it sets without an expiry',
        async (name, args, send) => {
          const reply = await send();
          if (/^eval/.test(name)) await client.persist(args[2] as string);
          return reply;
        },
        /a key does not expire/,
      ],
      [
        'it forgets to expire in the end',
        (name, _, send) => (name === 'existsBuffer' ? 1 : send()),
        /a key is there though it has expired/,
      ],
      [
        'it gives text for bytes',
        async (_, __, send) => texts(await send()),
        /gave text for bytes/,
      ],
      [
        'it gives bytes that were text in between',
        async (_, __, send) => bytes(texts(await send())),
        /bytes did not come back as they were/,
      ],
      ['it gives nothing', async () => undefined, /gave undefined for a list/],
    ])('%s', async (_, change, why) => {
      const store = redisStore({ client: between(change), prefix: 'refused:' });
      const refusal = expect.objectContaining({
        code: 'SAMEKEY_BAD_CLIENT',
        message: expect.stringMatching(why),
      });
      await expect(store.claim('k', request('a'))).rejects.toEqual(refusal);
      // Every later call fails, too, without a command.
      await expect(store.read('k')).rejects.toEqual(refusal);
      expect(await client.exists('refused:k')).toBe(0);
    });
  });

  it('that cannot reach its server may be used later', async () => {
    const own = await startRedis();
    const late = createClient({ url: own.url, disableOfflineQueue: true });
    late.on('error', () => {});
    const store: Store = redisStore({ client: late });
    await expect(store.claim('k', request('a'))).rejects.toThrow();
    await late.connect();
    expect((await store.claim('k', request('a'))).claimed).toBe(true);
    late.destroy();
    await own.stop();
  });

  it('does not touch a value of another program', async () => {
    await client.set('samekey:theirs', 'theirs');
    await client.lpush('samekey:list', 'theirs');
    const store = redisStore({ client });
    await expect(store.claim('theirs', request('a'))).rejects.toThrow(/not a record of samekey/);
    await expect(store.evict('theirs')).rejects.toThrow(/not a record of samekey/);
    await expect(store.claim('list', request('a'))).rejects.toThrow(/WRONGTYPE/);
    expect(await client.get('samekey:theirs')).toBe('theirs');
    await client.del('samekey:theirs', 'samekey:list');
  });
});

const texts = (reply: unknown): unknown =>
  Array.isArray(reply) ? reply.map(texts) : reply instanceof Uint8Array ? String(reply) : reply;
const bytes = (reply: unknown): unknown =>
  Array.isArray(reply) ? reply.map(bytes) : typeof reply === 'string' ? Buffer.from(reply) : reply;
