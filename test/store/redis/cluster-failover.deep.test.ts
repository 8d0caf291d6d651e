import { describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer } from '../../servers/redis.js';
import { CLUSTER_CLIENTS } from '../../servers/redis-clients.js';
import { startRedisCluster, textOf } from '../../servers/redis-cluster.js';
import { completion, request } from '../requests.js';

describeWith('redis-server', hasRedis, 'the Redis store in a cluster', () => {
  const NEWEST = Object.entries(CLUSTER_CLIENTS).filter(([name]) => name !== 'node-redis 4');
  describe.each(NEWEST)('whose master dies, by %s', (name, connect) => {
    it('keeps what the replica has, and loses what it does not have', async () => {
      const cluster = await startRedisCluster(
        true,
        ...['--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0'],
      );
      const [master, survivor] = cluster.masters as [RedisServer, RedisServer];
      const connected = await connect(survivor.port);
      const store = redisStore({ client: connected.client, prefix: `${name}:` });
      const slotOf = async (key: string) =>
        Number(textOf(await survivor.ask('CLUSTER', 'KEYSLOT', `${name}:${key}`)));
      /** New keys of the first master, or of the others. */
      const keysOf = async (isFirst: boolean, count: number) => {
        const keys: string[] = [];
        while (keys.length < count) {
          const key = randomKey();
          if ((await slotOf(key)) < 5462 === isFirst) keys.push(key);
        }
        return keys;
      };
      const [done = '', running = '', lost = ''] = await keysOf(true, 3);
      const [elsewhere = ''] = await keysOf(false, 1);
      const claim = async (key: string, owner: string) =>
        (await store.claim(key, request(owner))).claimed;
      const recordOf = async (key: string) => (await store.read(key)).record;

      expect(await claim(done, 'a')).toBe(true);
      expect(await store.complete(done, 'a', completion('done'))).toBe(true);
      expect(await claim(running, 'a')).toBe(true);
      expect(await claim(elsewhere, 'a')).toBe(true);
      await master.replicated();
      const before = (await recordOf(running))?.fencingToken as number;

      // The replica may no longer read what its master writes.
      await master.ask('ACL', 'SETUSER', 'default', '-psync', '-sync');
      await master.ask('CLIENT', 'KILL', 'TYPE', 'REPLICA');
      expect(await claim(lost, 'a')).toBe(true);
      expect(await store.complete(lost, 'a', completion('acknowledged'))).toBe(true);
      await master.kill();

      const within = { interval: 100 };
      await expect.poll(() => recordOf(done).then((it) => it?.state, String), within).toBe('done');
      expect(new TextDecoder().decode((await recordOf(done))?.payload)).toBe('done');
      // No other caller gets the claim, and its owner still has it.
      expect(await claim(running, 'b')).toBe(false);
      expect(await store.renew(running, 'a', 60_000)).toBe(true);
      expect(await store.complete(running, 'a', completion('later'))).toBe(true);
      expect((await recordOf(running))?.fencingToken).toBe(before);
      // It runs again, though its result was acknowledged.
      expect(await recordOf(lost)).toBeUndefined();
      expect(await claim(lost, 'b')).toBe(true);
      expect(await claim(elsewhere, 'b')).toBe(false);

      await store.close();
      connected.end();
      await cluster.stop();
    });
  });
});
