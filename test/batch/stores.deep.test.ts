import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBatch, dropBatch, planBatch, recordResults } from '../../src/batch/batch.js';
import { postgresStore } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import type { Store } from '../../src/store/store.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { describeWith } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';

interface TestStores {
  /** Two connections, as two processes have them. */
  readonly stores: readonly [Store, Store];
  end(): Promise<void>;
}

const SERVERS: Record<string, [boolean, () => Promise<TestStores>]> = {
  'redis-server': [
    hasRedis,
    async () => {
      const server = await startRedis();
      const clients = [new Redis(server.url), new Redis(server.url)] as const;
      return {
        stores: [redisStore({ client: clients[0] }), redisStore({ client: clients[1] })],
        async end() {
          for (const client of clients) client.disconnect();
          await server.stop();
        },
      };
    },
  ],
  PostgreSQL: [
    hasPostgres,
    async () => {
      const server = await startPostgres();
      const pools = [1, 2].map(() => new pg.Pool({ connectionString: server.url }));
      for (const pool of pools) pool.on('error', () => {});
      const [one, other] = pools.map((pool) => postgresStore({ pool }));
      await one?.migrate();
      return {
        stores: [one as Store, other as Store],
        async end() {
          await Promise.all([one?.close(), other?.close()]);
          await Promise.all(pools.map((pool) => pool.end()));
          await server.stop();
        },
      };
    },
  ],
};

const COUNT = 600;
/** Names that a store may mishandle. */
const AWKWARD = ['', '"', "'\\", '\n', '\u0000', '😀', '\ud800', '[]', 'ä'.repeat(300)];

for (const [tool, [isThere, open]] of Object.entries(SERVERS)) {
  describeWith(tool, isThere, `batches on ${tool}`, () => {
    let place: TestStores;
    beforeAll(async () => {
      place = await open();
    });
    afterAll(() => place?.end());

    it('are planned, created, recorded and dropped by two processes, each request once', async () => {
      const requests = (prefix: string) =>
        Array.from({ length: COUNT }, (_, i) => ({
          custom_id: `${prefix}${AWKWARD[i % AWKWARD.length]}`,
          params: { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: `${i}?` }] },
        }));
      const [one, other] = place.stores;
      const plans = await Promise.all([
        planBatch(requests('anna'), { store: one, provider: 'anthropic' }),
        planBatch(requests('ben').reverse(), { store: other, provider: 'anthropic' }),
      ]);
      const batches = plans.flatMap((plan) => plan.batches);
      const ids = batches.flatMap(({ items }) => items.map(({ id }) => id));
      expect(ids.length).toBe(COUNT);
      expect(new Set(ids).size).toBe(COUNT);

      let billed = 0;
      const api = { create: async () => ({ id: `batch_${++billed}` }) };
      for (const batch of batches) {
        const created = await Promise.all(
          [one, other].map((store) => createBatch(batch, api, { store })),
        );
        expect(new Set(created.map(({ id }) => id)).size).toBe(1);
      }
      expect(billed).toBe(batches.length);

      const results = batches.flatMap(({ items }) =>
        items.map(({ customId }, i) => ({
          custom_id: customId,
          result: i % 3 === 0 ? { type: 'expired' } : { type: 'succeeded', message: { i } },
        })),
      );
      const reported: string[] = [];
      const onResult = ({ requesters }: { requesters: readonly string[] }) => {
        reported.push(...requesters);
      };
      const { stored, released } = await recordResults(results, { store: other, onResult });
      expect(stored + released).toBe(COUNT);
      const names = ['anna', 'ben'].flatMap((prefix) =>
        requests(prefix).map(({ custom_id: name }) => name),
      );
      expect(reported.sort()).toEqual(names.sort());

      const next = await planBatch(requests('carla'), { store: one, provider: 'anthropic' });
      expect(next.finished.length).toBe(stored);
      expect(next.batches.flatMap(({ items }) => items).length).toBe(released);

      let dropped = 0;
      for (const batch of next.batches) {
        await createBatch(batch, api, { store: one });
        dropped += await dropBatch(batch.key, { store: other });
      }
      expect(dropped).toBe(released);
      const last = await planBatch(requests('dora'), { store: one, provider: 'anthropic' });
      expect(last.batches.flatMap(({ items }) => items).length).toBe(released);
    });
  });
}
