import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { redisStore } from '../../../src/store/redis.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, startRedisSentinel } from '../../servers/redis.js';
import { type Connected, SENTINEL_CLIENTS } from '../../servers/redis-clients.js';
import { outcome, request } from '../requests.js';

describeWith('redis-server', hasRedis, 'the Redis store behind a sentinel', () => {
  describe.each(Object.entries(SENTINEL_CLIENTS))('%s', (name, connect) => {
    let sentinel: Awaited<ReturnType<typeof startRedisSentinel>>;
    let connected: Connected;
    beforeAll(async () => {
      sentinel = await startRedisSentinel();
      connected = await connect(sentinel.port);
    });
    afterAll(async () => {
      connected?.end();
      await sentinel?.stop();
    });

    const open = () => redisStore({ client: connected.client, prefix: `[${name}]` });
    for (const { name: rule, run } of storeConformance({ open, steps: 100 })) it(rule, run);

    it('continues with the promoted replica', async () => {
      const store = open();
      await store.claim('k', request('a'));
      expect((await store.claim('k', request('b'))).claimed).toBe(false);
      await store.claim('other', request('a'));
      let told = 0;
      await store.watch?.('k', () => {
        told++;
      });
      // Otherwise the replica could lose the write.
      await sentinel.master.replicated();
      await sentinel.master.kill();
      await expect.poll(() => store.renew('k', 'a', 60_000).catch(String), EVERY).toBe(true);
      await expect.poll(() => told, EVERY).toBeGreaterThan(0);
      // The subscription is restored, too: every message arrives.
      await expect
        .poll(async () => {
          const before = told;
          await store.evict('k');
          await store.claim('k', request('a'));
          await store.claim('k', request('b'));
          await store.complete('k', 'a', outcome);
          await new Promise((resolve) => setTimeout(resolve, 100));
          return told > before;
        }, EVERY)
        .toBe(true);
      await store.close();
    });
  });
});

const EVERY = { interval: 200 };
