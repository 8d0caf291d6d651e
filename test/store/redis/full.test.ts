import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { redisStore } from '../../../src/store/redis.js';
import { part } from '../../depth.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { CLIENTS } from '../../servers/redis-clients.js';

describeWith('redis-server', hasRedis, 'a Redis server that refuses long values', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--proto-max-bulk-len', String(1024 * 1024));
  });
  afterAll(() => server?.stop());

  it.each(part(Object.entries(CLIENTS), (_, at) => at === 0))(
    '%s gives the result to its caller',
    async (name, connect) => {
      const { client, end } = await connect(server.port, 20);
      const once = createOnce({ store: redisStore({ client, prefix: `${name}:` }) });
      const key = randomKey();
      const value = 'x'.repeat(2 * 1024 * 1024);
      await expect(once(key, () => value)).rejects.toMatchObject({
        code: 'SAMEKEY_STORE_FULL',
        message: expect.stringMatching(/2097154 bytes, wanted at most the server's proto-max-bulk/),
        value,
      });
      // The key is free again, and a shorter result is stored.
      expect(await once(key, () => 'short')).toBe('short');
      expect(await once(key, () => 'another')).toBe('short');
      await once.close();
      end();
    },
  );
});
