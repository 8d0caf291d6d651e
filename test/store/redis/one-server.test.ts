import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RedisClient, redisStore } from '../../../src/store/redis.js';
import type { Store } from '../../../src/store/store.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { keyCountOf, nodeOf, type RedisProxy, startRedisProxy } from '../../servers/redis-proxy.js';
import { completion, request } from '../requests.js';

/** Of one length, so that their completions have the same common arguments. */
const KEYS = Array.from({ length: 30 }, (_, at) => `key-${10 + at}`);

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const CROSSSLOT = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";

/** Claims and completes all keys, each step in one turn; returns which claims and completions were granted. */
async function runAll(store: Store): Promise<boolean[]> {
  const claims = await Promise.all(KEYS.map((owner) => store.claim(owner, request(owner))));
  const completed = await Promise.all(KEYS.map((key) => store.complete(key, key, completion(key))));
  return [...claims.map(({ claimed }) => claimed), ...completed];
}

const ALL_GRANTED = Array.from({ length: 2 * KEYS.length }, () => true);

async function payloadsIn(store: Store): Promise<string[]> {
  const entries = await Promise.all(KEYS.map((key) => store.read(key)));
  return entries.map(({ record }) => String(new TextDecoder().decode(record?.payload)));
}

describeWith('redis-server', hasRedis, 'a command is about several keys', () => {
  const servers: RedisServer[] = [];
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    servers.push(...(await Promise.all([startRedis(), startRedis()])));
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    for (const server of servers) await server.ask('FLUSHALL');
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  const CLIENTS: Record<string, (proxy: RedisProxy) => Promise<RedisClient>> = {
    async 'node-redis'({ url }) {
      const client = createClient({ url, RESP: 2 }).on('error', () => {});
      ends.push(() => client.destroy());
      return (await client.connect()) as RedisClient;
    },
    async ioredis({ url }) {
      const client = new Redis(url).on('error', () => {});
      ends.push(() => client.disconnect());
      return client;
    },
  };

  describe.each(Object.entries(CLIENTS))('of %s', (_, connect) => {
    async function open(count: number): Promise<[RedisProxy, () => Promise<Store>]> {
      const proxy = await startRedisProxy(...servers.slice(0, count).map(({ port }) => port));
      ends.push(() => proxy.stop());
      return [proxy, async () => redisStore({ client: await connect(proxy) })];
    }
    /** How many commands about several keys the proxy has got, without those of the self-check. */
    const sharedIn = ({ commands }: RedisProxy) =>
      commands.filter((words) => keyCountOf(words) > 1 && !words.join().includes('one-server:'));

    it('behind a proxy of one server', async () => {
      const [proxy, openStore] = await open(1);
      const store = await openStore();
      expect(await runAll(store)).toEqual(ALL_GRANTED);
      expect(sharedIn(proxy).map(keyCountOf)).toEqual([KEYS.length, KEYS.length]);
      expect(await payloadsIn(store)).toEqual(KEYS);
    });

    it.each([
      ['is refused', '-ERR unknown command'],
      ['does not tell of a run', bulk('# Server\r\nredis_mode:standalone\r\n')],
      ['tells of a cluster', bulk('# Server\r\nredis_mode:cluster\r\nrun_id:0123\r\n')],
      ['tells of no mode', bulk('# Server\r\nrun_id:0123\r\n')],
    ])('never if INFO %s', async (_, reply) => {
      const [proxy, openStore] = await open(1);
      proxy.answer = ([name = '', about]) =>
        name.toUpperCase() === 'INFO' && about === 'server'
          ? reply.replace(/\r?\n?$/, '\r\n')
          : undefined;
      const store = await openStore();
      expect(await runAll(store)).toEqual(ALL_GRANTED);
      expect(proxy.commands.filter((words) => keyCountOf(words) > 1)).toEqual([]);
      expect(await payloadsIn(store)).toEqual(KEYS);
    });

    it('never behind a proxy that spreads the keys over two servers', async () => {
      const [proxy, openStore] = await open(2);
      const store = await openStore();
      expect(await runAll(store)).toEqual(ALL_GRANTED);
      expect(sharedIn(proxy)).toEqual([]);
      // Each record is where the proxy looks for it.
      expect(await payloadsIn(await openStore())).toEqual(KEYS);
      const nodes = KEYS.map((key) => nodeOf(`samekey:${key}`, 2));
      expect(new Set(nodes)).toEqual(new Set([0, 1]));
      for (const [at, key] of KEYS.entries()) {
        const [here, there] = [nodes[at], 1 - (nodes[at] as number)];
        expect(await servers[here as number]?.ask('EXISTS', `samekey:${key}`)).toContain(':1');
        expect(await servers[there]?.ask('EXISTS', `samekey:${key}`)).toContain(':0');
      }
    });

    it('no more after an answer of CROSSSLOT', async () => {
      const [proxy, openStore] = await open(1);
      let isSplit = false;
      proxy.answer = (words) => (isSplit && keyCountOf(words) > 1 ? CROSSSLOT : undefined);
      const store = await openStore();
      await store.read('first');
      isSplit = true;
      expect(await runAll(store)).toEqual(ALL_GRANTED);
      // The claims met the answer. The completions did not try.
      expect(sharedIn(proxy).map(keyCountOf)).toEqual([KEYS.length]);
      expect(await payloadsIn(store)).toEqual(KEYS);
    });

    it('never if the self-check meets CROSSSLOT', async () => {
      const [proxy, openStore] = await open(1);
      proxy.answer = (words) => (keyCountOf(words) > 1 ? CROSSSLOT : undefined);
      const store = await openStore();
      expect(await runAll(store)).toEqual(ALL_GRANTED);
      expect(sharedIn(proxy)).toEqual([]);
      expect(await payloadsIn(store)).toEqual(KEYS);
    });
  });
});
