import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { redisStore } from '../../../src/store/redis.js';
import type { Store, StoreRecord } from '../../../src/store/store.js';
import { deep } from '../../depth.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { random } from '../../torture/seeded.mjs';
import { outcome, request } from '../requests.js';

describeWith('redis-server', hasRedis, 'calls of one turn of the event loop', () => {
  let server: RedisServer;
  let sharing: Redis;
  /** Its user may not run `INFO`, so its store sends every call alone. */
  let single: Awaited<ReturnType<typeof connect>>;
  const connect = (username?: string) =>
    createClient({ url: server.url, ...(username && { username, password: 'p' }) })
      .on('error', () => {})
      .connect();
  beforeAll(async () => {
    server = await startRedis();
    await server.ask('ACL', 'SETUSER', 'single', 'on', '>p', '~*', '&*', '+@all', '-info');
    sharing = new Redis(server.url).on('error', () => {});
    single = await connect('single');
  });
  afterAll(async () => {
    sharing?.disconnect();
    single?.destroy();
    await server?.stop();
  });

  /** How many scripts the server has run since it was last asked. */
  async function scriptCount(): Promise<number> {
    const stats = await server.ask('INFO', 'commandstats');
    await server.ask('CONFIG', 'RESETSTAT');
    return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
  }

  type Call = (store: Store) => Promise<unknown>;

  /** What does not depend on the time. */
  function withoutTimes(record: StoreRecord | undefined) {
    if (record === undefined) return undefined;
    const { state, owner, attempt, fingerprint, codec, payload } = record;
    return { state, owner, attempt, fingerprint, codec, text: payload && String(payload) };
  }

  function randomCall(key: string, below: (limit: number) => number): Call {
    const owner = `owner-${below(3)}`;
    const fingerprint = [undefined, 'a', 'b'][below(3)];
    switch (below(6)) {
      case 0:
      case 1:
      case 2:
        return async (store) => {
          const takes = { takeUnknown: below(2) === 0, takeFinished: below(4) === 0 };
          const reply = await store.claim(key, request(owner, { fingerprint, ...takes }));
          return [reply.claimed, withoutTimes(reply.record)];
        };
      case 3: {
        const length = [70_000, 3000, below(50)][below(3)];
        const payload = new Uint8Array(length ?? 0).fill(below(256));
        const state = below(2) === 0 ? 'done' : 'failed';
        return (store) => store.complete(key, owner, { state, codec: 'c', payload, ttlMs: 60_000 });
      }
      case 4:
        return (store) => store.release(key, owner);
      default:
        return (store) => store.renew(key, owner, below(2) * 60_000);
    }
  }

  it('get the replies and records of calls that are sent alone', async () => {
    const stores = [
      redisStore({ client: sharing, prefix: 'sharing:' }),
      redisStore({ client: single, prefix: 'single:' }),
    ] as const;
    const rounds = deep(60, 1000);
    const counts: number[] = [];
    const replies: unknown[][] = [];
    for (const store of stores) {
      const next = random(15);
      const below = (limit: number) => Math.floor(next() * limit);
      const all: unknown[] = [];
      // A script that the server does not know is sent again, behind later calls.
      await store.claim('first', request('a'));
      await store.renew('first', 'a', 1);
      await store.release('first', 'a');
      await scriptCount();
      for (let round = 0; round < rounds; round++) {
        const calls = Array.from({ length: 1 + below(40) }, () => `key-${below(30)}`).map((key) =>
          randomCall(key, below),
        );
        all.push(await Promise.all(calls.map((call) => call(store))));
      }
      counts.push(await scriptCount());
      for (let at = 0; at < 30; at++) {
        all.push(withoutTimes((await store.read(`key-${at}`)).record));
      }
      replies.push(all);
    }
    expect(replies[0]).toEqual(replies[1]);
    expect(counts[0]).toBeLessThan(counts[1] ?? 0);
  });

  it('are one command, up to 64 keys', async () => {
    const store = redisStore({ client: sharing, prefix: 'one:' });
    await store.read('first');
    await scriptCount();
    const keys = Array.from({ length: 65 }, (_, at) => `key-${at}`);
    await Promise.all(keys.map((owner) => store.claim(owner, request(owner))));
    expect(await scriptCount()).toBe(2);
    const completed = await Promise.all(keys.map((key) => store.complete(key, key, outcome)));
    expect(new Set(completed)).toEqual(new Set([true]));
    expect(await scriptCount()).toBe(2);
  });

  it('about one key reach the server in order', async () => {
    const store = redisStore({ client: sharing, prefix: 'order:' });
    await store.claim('first', request('a'));
    await store.release('first', 'a');
    const replies = await Promise.all([
      store.claim('k', request('a')).then(({ claimed }) => claimed),
      store.release('k', 'a'),
      store.claim('k', request('b')).then(({ claimed }) => claimed),
      store.complete('k', 'b', outcome),
      store.evict('k'),
    ]);
    expect(replies).toEqual([true, true, true, true, true]);
  });

  it('have outcomes of their own, also if one of them is refused', async () => {
    const store = redisStore({ client: sharing, prefix: 'own:' });
    await store.read('first');
    await sharing.set('own:b', 'not a record');
    const claims = ['a', 'b', 'c'].map((key) => store.claim(key, request(key)));
    const [a, b, c] = await Promise.allSettled(claims);
    expect([a?.status, b?.status, c?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(String((b as PromiseRejectedResult).reason)).toContain('is not a record of samekey');
    for (const key of ['a', 'c']) {
      expect((await store.read(key)).record).toMatchObject({ state: 'running', owner: key });
    }
  });
});
