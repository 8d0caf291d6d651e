import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { type RedisClient, redisStore } from '../../../src/store/redis.js';
import type { Store } from '../../../src/store/store.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../../servers/redis.js';
import { connectGlide, hasGlide } from '../../servers/redis-clients.js';
import { request } from '../requests.js';

/** The rule in the documentation, as the words of `ACL SETUSER`. */
const [, RULE = ''] =
  /ACL SETUSER samekey (.+)/.exec(
    readFileSync(new URL('../../../docs/stores.md', import.meta.url), 'utf8'),
  ) ?? [];
const WORDS = RULE.split(' ');
const COMMANDS = WORDS.filter((word) => word.startsWith('+')).map((word) => word.slice(1));

type Connected = { client: RedisClient; end(): void };
const CLIENTS: Record<string, (url: string) => Promise<Connected>> = {
  'node-redis': async (url) => {
    const client = createClient({ url });
    await client.on('error', () => {}).connect();
    return { client, end: () => client.destroy() };
  },
  ioredis: async (url) => {
    const client = new Redis(url, { enableReadyCheck: false }).on('error', () => {});
    return { client, end: () => client.disconnect() };
  },
  ...(hasGlide && {
    'valkey-glide': async (url) => {
      const { hostname: host, port, username, password } = new URL(url);
      return connectGlide({
        addresses: [{ host, port: Number(port) }],
        credentials: { username, password },
        // `NodeDiscoveryMode.Static`. Otherwise the client sends INFO when it connects.
        nodeDiscoveryMode: 1,
        requestTimeout: 60_000,
      });
    },
  }),
};

describeWith('redis-server', hasRedis, 'the permissions of a Redis user', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  async function connectWith(connect: (typeof CLIENTS)[string], name: string, without?: string) {
    const words = WORDS.filter((word) => word !== `+${without}` && word !== without).map((word) =>
      word === '>password' ? '>secret' : word,
    );
    const reply = await server.ask('ACL', 'SETUSER', name, 'reset', ...words);
    expect(reply).toMatch(/^\+OK/);
    return connect(`redis://${name}:secret@127.0.0.1:${server.port}`);
  }

  describe.each(Object.entries(CLIENTS))('%s', (library, connect) => {
    describe('as documented are all that the store needs', () => {
      let connected: Connected;
      beforeAll(async () => {
        connected = await connectWith(connect, `whole-${library}`);
      });
      afterAll(() => connected?.end());
      const open = () => redisStore({ client: connected.client });
      for (const { name: rule, run } of storeConformance({ open, steps: 50 })) it(rule, run);
    });

    it.each(
      COMMANDS.filter((name) => !['publish', 'subscribe', 'unsubscribe', 'scan'].includes(name)),
    )('without %s: the error names it', async (command) => {
      const { client, end } = await connectWith(connect, `no-${command}-${library}`, command);
      const store = redisStore({ client });
      // The server takes a script that it knows without `eval`.
      await server.ask('SCRIPT', 'FLUSH');
      await expect(store.claim('k', request('a'))).rejects.toThrow(
        new RegExp(`may not run ${command}\\b|permissions to run the '${command}' command`, 'i'),
      );
      end();
    });

    it('without scan: only list() fails', async () => {
      const { client, end } = await connectWith(connect, `no-scan-${library}`, 'scan');
      const store = redisStore({ client });
      expect((await store.claim('scan', request('a'))).claimed).toBe(true);
      const list = store.list?.()[Symbol.asyncIterator]();
      await expect(list?.next()).rejects.toThrow(/'scan' command/);
      await store.release('scan', 'a');
      end();
    });

    it.each(['subscribe', '&samekey:*'])('without %s: watch() fails', async (word) => {
      const { client, end } = await connectWith(connect, `no-watch-${library}`, word);
      const store = redisStore({ client });
      // GLIDE reports no reason.
      const why = library === 'valkey-glide' ? /no answer to a subscription/ : /NOPERM/;
      await expect(store.watch?.('k', () => {})).rejects.toThrow(why);
      end();
    });

    it.each(['publish', '&samekey:*'])('without %s: no watcher is notified', async (word) => {
      const { client, end } = await connectWith(connect, `no-publish-${library}`, word);
      const watcher = await connectWith(connect, `watcher-${library}`);
      const [limited, whole] = [client, watcher.client].map((each) =>
        redisStore({ client: each }),
      ) as [Store, Store];
      const toldKeys: string[] = [];
      for (const key of ['p', 'marker']) await whole.watch?.(key, () => toldKeys.push(key));
      const releaseAwaited = async (store: Store, key: string) => {
        expect((await store.claim(key, request('a'))).claimed).toBe(true);
        expect((await store.claim(key, request('b'))).claimed).toBe(false);
        expect(await store.release(key, 'a')).toBe(true);
      };
      const untilMarked = async () => {
        await releaseAwaited(whole, 'marker');
        await expect.poll(() => toldKeys).toContain('marker');
      };
      // Watchers are also told when their connection opens.
      await untilMarked();
      toldKeys.length = 0;
      await releaseAwaited(limited, 'p');
      // Redis delivers messages in order, so a message about "p" would be here first.
      await untilMarked();
      expect(toldKeys).not.toContain('p');
      await whole.close();
      watcher.end();
      end();
    });
  });
});
