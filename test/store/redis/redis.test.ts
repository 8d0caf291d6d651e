import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { redisStore } from '../../../src/store/redis.js';
import { deep, part } from '../../depth.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { CLIENTS, CLUSTER_CLIENTS, type Connected, hasGlide } from '../../servers/redis-clients.js';
import { type RedisCluster, startRedisCluster } from '../../servers/redis-cluster.js';

/** The oldest and the newest of each library. */
const QUICK = ['node-redis 6', 'node-redis 4', 'ioredis 6', 'valkey-glide 2'].filter(
  (name) => name in CLIENTS,
);
const STEPS = deep(100, 200);

/** The tests of any store, over one client. */
function conforms(name: string, connect: () => Promise<Connected>, steps: number) {
  describe(name, () => {
    let connected: Connected;
    beforeAll(async () => {
      connected = await connect();
    });
    afterAll(() => connected?.end());

    const open = () => redisStore({ client: connected.client, prefix: `[${name}]` });
    for (const { name: rule, run } of storeConformance({ open, steps })) it(rule, run);
  });
}

describeWith('the native package of @valkey/valkey-glide', hasGlide, 'Valkey GLIDE', () => {
  it('is a client of these tests', () => {
    for (const clients of [CLIENTS, CLUSTER_CLIENTS])
      expect(clients).toHaveProperty(['valkey-glide 2']);
  });
});

describeWith('redis-server', hasRedis, 'the Redis store', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  for (const name of part(Object.keys(CLIENTS), (each) => QUICK.includes(each))) {
    conforms(name, () => CLIENTS[name]?.(server.port) as Promise<Connected>, STEPS);
  }
});

describeWith('redis-server', hasRedis, 'the Redis store in a cluster of three', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  for (const [name, connect] of part(Object.entries(CLUSTER_CLIENTS), (_, at) => at === 0)) {
    conforms(name, () => connect(cluster.masters[0]?.port as number), 100);
  }
});
