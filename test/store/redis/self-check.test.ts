import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisClient, redisStore } from '../../../src/store/redis.js';
import { part } from '../../depth.js';
import { fasterTime } from '../../runtime/faster.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { CLIENTS } from '../../servers/redis-clients.js';
import { request } from '../requests.js';

/** One command of a self-check: the number of the check, and of the command in it. */
interface Step {
  readonly check: number;
  readonly step: number;
  readonly send: () => Promise<unknown>;
}

/** The real client, with `change` in place of the commands of the self-check. */
function between(client: RedisClient, change: (step: Step) => unknown): RedisClient {
  const steps = new Map<string, number>();
  return new Proxy(client, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      if (!/^(?:sendCommand|customCommand|\w+Buffer)$/.test(String(name)))
        return member.bind(target);
      return async (...args: unknown[]) => {
        const send = async () => member.apply(target, args);
        const [scratchKey] = /self-check:[\w-]+/.exec(String(args.flat())) ?? [];
        if (scratchKey === undefined) return send();
        const step = (steps.get(scratchKey) ?? 0) + 1;
        steps.set(scratchKey, step);
        return change({ check: steps.size, step, send });
      };
    },
  });
}

/** One client of each library is enough, because the server is restarted. */
const QUICK = ['node-redis 6', 'ioredis 6', 'valkey-glide 2'];

/** The commands of a self-check. Each script is sent by its digest, and then as text. */
const MOMENTS = Array.from({ length: 12 }, (_, at) => at + 1);

describeWith('redis-server', hasRedis, 'the self-check of a Redis client', () => {
  describe('while a server that keeps nothing restarts', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis('--appendonly', 'no');
    });
    afterAll(() => server?.stop());

    async function restart() {
      await server.kill();
      await server.start();
    }

    describe.each(part(Object.entries(CLIENTS), ([name]) => QUICK.includes(name)))(
      '%s',
      (_, connect) => {
        it.each([
          ['once', 1],
          ['in every check', Number.POSITIVE_INFINITY],
        ])('%s, at any of its moments', async (_, checks) => {
          for (const moment of MOMENTS) {
            const { client, end } = await connect(server.port, 5);
            let restarts = 0;
            const store = redisStore({
              client: between(client, async ({ check, step, send }) => {
                if (step === moment && check <= checks && restarts < 2) {
                  restarts++;
                  await restart();
                }
                return send();
              }),
            });
            const first = await store.claim('k', request('a')).catch((error) => error);
            expect(first, `at moment ${moment}`).not.toMatchObject({
              code: 'SAMEKEY_BAD_CLIENT',
            });
            expect(restarts).toBeGreaterThan(0);
            await expect.poll(() => store.read('k').then(() => 'fine', String)).toBe('fine');
            end();
          }
        });
      },
    );
  });

  describe('that fails each check', () => {
    let server: RedisServer;
    beforeAll(async () => {
      const user = ['--user', 'plain', 'on', '>secret', 'allkeys', '+@all', '-info'];
      server = await startRedis('--appendonly', 'no', ...user);
    });
    afterAll(() => server?.stop());

    const condemned = { code: 'SAMEKEY_BAD_CLIENT' };
    const notYet = {
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/may have changed in the self-check, .* the next use checks/),
    };
    const user = { username: 'plain', password: 'secret' };

    /** Calls `lose` to lose the scratch key in each of the first `checks`. */
    function losing(checks: number, lose: () => Promise<unknown>) {
      return async ({ check, step, send }: Step) => {
        if (step === 4 && check <= checks) await lose();
        return send();
      };
    }

    it('over one connection to one server is refused for good', async () => {
      const client = new Redis(server.url).on('error', () => {});
      const store = redisStore({
        client: between(
          client,
          losing(2, () => client.flushall()),
        ),
      });
      await expect(store.read('k')).rejects.toMatchObject(condemned);
      await expect(store.read('k')).rejects.toMatchObject(condemned);
      client.disconnect();
    });

    it('is judged by its events where INFO is not allowed', async () => {
      const client = new Redis(server.url, { ...user, enableReadyCheck: false }).on(
        'error',
        () => {},
      );
      const flush = () => client.flushall();
      const cut = async () => {
        await flush();
        client.disconnect(true);
        await expect.poll(() => client.status).toBe('ready');
      };
      const unlucky = redisStore({ client: between(client, losing(2, cut)) });
      await expect(unlucky.read('k')).rejects.toMatchObject(notYet);
      expect((await unlucky.read('k')).record).toBeUndefined();
      const bad = redisStore({ client: between(client, losing(9, flush)) });
      await expect(bad.read('k')).rejects.toMatchObject(condemned);
      expect(client.listenerCount('close')).toBe(
        new Redis({ lazyConnect: true }).listenerCount('close'),
      );
      client.disconnect();
    });

    it('is judged by the server where the client has no events', async () => {
      const client = createClient({ url: server.url }).on('error', () => {});
      await client.connect();
      const plain = { sendCommand: client.sendCommand.bind(client) } as unknown as RedisClient;
      const restart = async () => {
        await server.kill();
        await server.start();
        await expect.poll(() => client.isReady).toBe(true);
      };
      const unlucky = redisStore({ client: between(plain, losing(2, restart)) });
      await expect(unlucky.read('k')).rejects.toMatchObject(notYet);
      expect((await unlucky.read('k')).record).toBeUndefined();
      const bad = redisStore({
        client: between(
          plain,
          losing(9, () => client.flushAll()),
        ),
      });
      await expect(bad.read('k')).rejects.toMatchObject(condemned);
      client.destroy();
    });

    it('is never refused for good where neither can be known', async () => {
      const client = createClient({ url: server.url, ...user }).on('error', () => {});
      await client.connect();
      const plain = { sendCommand: client.sendCommand.bind(client) } as unknown as RedisClient;
      const store = redisStore({
        client: between(
          plain,
          losing(2, () => client.flushAll()),
        ),
      });
      await expect(store.read('k')).rejects.toMatchObject(notYet);
      expect((await store.read('k')).record).toBeUndefined();
      client.destroy();
    });

    it('or never ends it, leaves the next use its own check', async () => {
      const client = new Redis(server.url).on('error', () => {});
      const never = new Promise(() => {});
      const store = redisStore({
        client: between(client, ({ check, send }) => (check === 1 ? never : send())),
      });
      const endFasterTime = fasterTime(5);
      await expect(store.read('k')).rejects.toThrow(/no answer to the self-check within 10000 ms/);
      endFasterTime();
      expect((await store.read('k')).record).toBeUndefined();
      client.disconnect();
    });
  });
});
