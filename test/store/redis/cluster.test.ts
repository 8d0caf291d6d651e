import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer } from '../../servers/redis.js';
import { CLUSTER_CLIENTS, type Connected } from '../../servers/redis-clients.js';
import { type RedisCluster, startRedisCluster, textOf } from '../../servers/redis-cluster.js';
import { completion, request } from '../requests.js';

const countOf = async (node: RedisServer) => Number(textOf(await node.ask('DBSIZE')));

/** Two callers in two processes, as far as the store knows. The errors of a change are repeated. */
function twoProcesses(connected: Connected, prefix: string) {
  const open = () =>
    createOnce({
      store: redisStore({ client: connected.client, prefix }),
      cache: false,
      storeTimeoutMs: 60_000,
    });
  const pair = [open(), open()] as const;
  return {
    /** Calls the key in both, and returns how often it ran and the values. */
    async call(key: string): Promise<{ runs: number; values: unknown[] }> {
      let runs = 0;
      const values = await Promise.all(
        pair.map((once) =>
          once(key, () => {
            runs++;
            return `${key} ${runs}`;
          }),
        ),
      );
      return { runs, values };
    },
    async close() {
      for (const once of pair) await once.close();
    },
  };
}

describeWith('redis-server', hasRedis, 'the Redis store in a cluster', () => {
  describe('of three masters', () => {
    let cluster: RedisCluster;
    beforeAll(async () => {
      cluster = await startRedisCluster();
    });
    afterAll(() => cluster?.stop());

    describe.each(Object.entries(CLUSTER_CLIENTS))('%s', (name, connect) => {
      let connected: Connected;
      beforeAll(async () => {
        for (const node of cluster.masters) await node.ask('FLUSHALL');
        connected = await connect(cluster.masters[0]?.port as number);
      });
      afterAll(() => connected?.end());

      it('spreads the keys over all masters, and finds them again', async () => {
        const store = redisStore({ client: connected.client, prefix: `${name}:` });
        const keys = Array.from({ length: 90 }, (_, at) => `key-${at}`);
        const claims = await Promise.all(keys.map((key) => store.claim(key, request(key))));
        expect(claims.every(({ claimed }) => claimed)).toBe(true);
        const completed = await Promise.all(
          keys.map((key) => store.complete(key, key, completion(key))),
        );
        expect(completed.every((isStored) => isStored)).toBe(true);
        const counts = await Promise.all(cluster.masters.map(countOf));
        expect(Math.min(...counts)).toBeGreaterThan(0);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(keys.length);
        const listed: string[] = [];
        for await (const { key } of store.list?.() ?? []) listed.push(key);
        expect(listed.sort()).toEqual(keys.sort());
        // A hash tag puts keys into one slot. Each still has a command of its own.
        const tagged = redisStore({ client: connected.client, prefix: `{${name}}:` });
        const again = await Promise.all(keys.map((key) => tagged.claim(key, request(key))));
        expect(again.every(({ claimed }) => claimed)).toBe(true);
        const after = await Promise.all(cluster.masters.map(countOf));
        const grown = after.filter((count, at) => count > (counts[at] as number));
        expect(grown).toHaveLength(1);
      });

      it('runs nothing twice while a slot moves', async () => {
        const prefix = `{moved by ${name}}:`;
        const slot = Number(
          textOf(await (cluster.masters[0] as RedisServer).ask('CLUSTER', 'KEYSLOT', prefix)),
        );
        const at = cluster.masters.length - 1 - Math.floor((3 * (16383 - slot)) / 16384);
        const from = cluster.masters[at] as RedisServer;
        const to = cluster.masters[(at + 1) % cluster.masters.length] as RedisServer;
        const processes = twoProcesses(connected, prefix);
        const told = new Map<string, unknown>();
        /** Calls 10 new keys and 10 old ones. */
        const expectOnce = async () => {
          const old = [...told.keys()].slice(-10);
          const all = [...old, ...Array.from({ length: 10 }, () => randomKey())];
          await Promise.all(
            all.map(async (key) => {
              const { runs, values } = await processes.call(key);
              expect(runs).toBe(told.has(key) ? 0 : 1);
              for (const value of values) expect(value).toBe(told.get(key) ?? values[0]);
              told.set(key, values[0]);
            }),
          );
        };
        await expectOnce();
        await cluster.beginMove(slot, from, to);
        // New keys are on the target (ASK), old ones are still here.
        await expectOnce();
        for (let count = 0; count < 12; count++) {
          await cluster.moveKey(slot, from, to);
          if (count % 3 === 2) await expectOnce();
        }
        const rest = (async () => {
          while (await cluster.moveKey(slot, from, to));
        })();
        await Promise.all([rest, expectOnce(), expectOnce()]);
        // The source has none left, and sends everybody on.
        while (await cluster.moveKey(slot, from, to));
        await expectOnce();
        await Promise.all([cluster.endMove(slot, from, to), expectOnce()]);
        // The slot belongs to the target (MOVED).
        await expectOnce();
        expect(textOf(await to.ask('CLUSTER', 'COUNTKEYSINSLOT', String(slot)))).toBe(
          String(told.size),
        );
        await processes.close();
        // For the next client.
        await cluster.beginMove(slot, to, from);
        while (await cluster.moveKey(slot, to, from));
        await cluster.endMove(slot, to, from);
      });
    });
  });
});
