import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { redisStore } from '../../../src/store/redis.js';
import type { Store } from '../../../src/store/store.js';
import { fasterTime } from '../../runtime/faster.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { CLIENTS, type Connected } from '../../servers/redis-clients.js';
import { type Link, startLink } from '../../servers/redis-link.js';
import { request } from '../requests.js';

const ROUNDS = 20;
const WITHIN = { timeout: 20_000, interval: 200 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeWith('redis-server', hasRedis, 'subscriptions of the Redis store', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  const NAMES = ['node-redis 6', 'node-redis 4', 'ioredis 6', 'valkey-glide 2'];
  const clients = Object.entries(CLIENTS).filter(([name]) => NAMES.includes(name));
  describe.each(clients)('%s', (name, connect) => {
    const isGlide = name.startsWith('valkey-glide');
    let endFasterTime: () => void;
    let link: Link;
    let connected: Connected;
    let store: Store;
    beforeEach(async () => {
      endFasterTime = fasterTime(1);
      link = await startLink(server.port);
      connected = await connect(link.port, 20);
      store = redisStore({ client: connected.client, prefix: `${name}:` });
      await store.read('k');
      expect(link.open).toBe(1);
    });
    afterEach(async () => {
      await store.close();
      connected.end();
      await link.stop();
      endFasterTime();
    });

    async function watch(key: string): Promise<() => number> {
      let told = 0;
      await store.watch?.(key, () => {
        told++;
      });
      return () => told;
    }

    /** Checks that every change of `key` is notified. */
    async function expectTold(key: string, told: () => number) {
      await store.claim(key, request('a'));
      await store.claim(key, request('b'));
      const before = told();
      await store.release(key, 'a');
      await expect.poll(told, WITHIN).toBeGreaterThan(before);
    }

    it.each(['silent', 'closed'] as const)('give up a connection that is %s', async (opens) => {
      link.opens = opens;
      const why = isGlide
        ? /^Connection error: /
        : name.startsWith('ioredis') && opens === 'closed'
          ? /^Reached the max retries|^no answer to a subscription within/
          : /^no answer to a subscription within 3000 ms$/;
      await expect(watch('k')).rejects.toThrow(why);
      // It is closed, instead of connecting without end. Later calls wait for no other connection.
      // A GLIDE client that could not be created goes on connecting until it is accepted.
      if (isGlide) await expect.poll(() => link.open, WITHIN).toBeLessThanOrEqual(2);
      else await expect.poll(() => link.open, WITHIN).toBe(1);
      // An attempt that was in progress may still arrive.
      await pause(100);
      const { begun } = link;
      await expect(watch('k')).rejects.toThrow(why);
      await pause(300);
      if (!isGlide) expect(link.begun).toBe(begun);
      // Another connection is opened later.
      link.opens = 'through';
      let told = () => 0;
      await expect
        .poll(async () => {
          told = await watch('k');
        }, WITHIN)
        .toBe(undefined);
      await expectTold('k', told);
      // A GLIDE client that was given up may be accepted now, and nothing can close it.
      if (isGlide) expect(link.open).toBeGreaterThanOrEqual(2);
      else expect(link.open).toBe(2);
    });

    it('that are not answered any longer are begun again on another connection', async () => {
      const first = await watch('first');
      await store.claim('first', request('a'));
      const before = first();
      link.silence(1);
      await expect(watch('second')).rejects.toThrow(/no answer to a subscription within 3000 ms/);
      // Messages may have been missed.
      expect(first()).toBe(before + 1);
      await store.release('first', 'a');
      // GLIDE keeps the connection of a closed client while a subscription has no answer.
      const kept = isGlide ? 1 : 0;
      await expect.poll(() => link.open, WITHIN).toBe(1 + kept);
      let second = () => 0;
      await expect
        .poll(async () => {
          second = await watch('second');
        }, WITHIN)
        .toBe(undefined);
      await expectTold('second', second);
      await expectTold('first', first);
      expect(link.open).toBe(2 + kept);
    });

    it('under way when the store is closed are given up with their connection', async () => {
      link.opens = 'silent';
      const watching = watch('k').catch((error) => error);
      await expect.poll(() => link.open).toBe(2);
      await store.close();
      expect(await watching).toBeInstanceOf(Error);
      await expect.poll(() => link.open).toBe(1);
    });

    it(`that are ended and begun at the same time are heard, ${ROUNDS} times`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const key = `again ${round}`;
        const end = await store.watch?.(key, () => {});
        end?.();
        const told = await watch(key);
        await expectTold(key, told);
      }
    });

    it('that fail leave the waiting callers to poll', async () => {
      const client = new Proxy(connected.client, {
        get(target, member) {
          const refuse = () => {
            throw new Error('no second connection');
          };
          if (member === 'duplicate') return refuse;
          if (isGlide && member === 'constructor') return { createClient: refuse };
          const value = Reflect.get(target, member, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      const alone = redisStore({ client, prefix: `${name}:` });
      await expect(alone.watch?.('k', () => {})).rejects.toThrow('no second connection');
      const [first, second] = [store, alone].map((store) => createOnce({ store }));
      const key = randomKey();
      const running = first?.(key, () => pause(300).then(() => 'result'));
      await pause(50);
      expect(await second?.(key, () => 'another')).toBe('result');
      expect(await running).toBe('result');
      await store.evict(key);
    });
  });
});
