import { afterAll, beforeAll, describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis, startRedisCluster } from '../../servers/redis.js';
import { CLIENTS, CLUSTER_CLIENTS, type Connected } from '../../servers/redis-clients.js';

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

describeWith('redis-server', hasRedis, 'the Redis store', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  for (const [name, connect] of Object.entries(CLIENTS)) {
    conforms(name, () => connect(server.port), 200);
  }
});

describeWith('redis-server', hasRedis, 'the Redis store in a cluster of three', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
    conforms(name, () => connect(cluster.nodes[0]?.port as number), 100);
  }
});
