import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis, type RedisConfigNodejs } from '@upstash/redis';
import { Redis as IoRedis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { type UpstashClient, upstashStore } from '../../../src/store/upstash.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis } from '../../servers/redis.js';
import {
  READ_TOKEN,
  type Reply,
  startUpstash,
  TOKEN,
  type Upstash,
} from '../../servers/upstash.js';
import { completion, request } from '../requests.js';

/** Of a store behind its own `once`, without a cache that would hide it. */
const errorOf = (call: Promise<unknown>) =>
  call.then(
    (value) => expect.fail(`it resolved to ${value}`),
    (error: Error & { code?: string; value?: unknown }) => error,
  );

describeWith('redis-server', hasRedis, 'Redis over HTTP with a fault', () => {
  let server: Upstash;
  beforeAll(async () => {
    server = await startUpstash();
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    server.answer = (_, ask) => ask();
    server.commands.length = 0;
  });

  const clientOf = (options: Partial<RedisConfigNodejs> = {}) =>
    new Redis({
      url: server.url,
      token: TOKEN,
      retry: { retries: 2, backoff: () => 5 },
      ...options,
    });
  const storeOf = (options?: Partial<RedisConfigNodejs>) =>
    upstashStore({ client: clientOf(options) });
  const onceOn = (store = storeOf(), options = {}) =>
    createOnce({ store, cache: false, storeTimeoutMs: 2000, ...options });

  /** Changes the reply to the first command about `key` that `isIt`. Returns how many it has changed. */
  function change(
    key: string,
    isIt: (command: string) => boolean,
    by: (ask: () => Promise<Reply>) => Promise<Reply | undefined> | Reply | undefined,
    count = 1,
  ): () => number {
    let changed = 0;
    server.answer = (command, ask) => {
      // Without the text of the script.
      const text = command.slice(2).join(' ');
      if (changed >= count || !text.includes(key) || !isIt(text)) return ask();
      changed++;
      return by(ask);
    };
    return () => changed;
  }
  const isCompletion = (command: string) => command.includes('"paid"');

  it('that is down at the start runs nothing, says why, and works when it is up', async () => {
    const other = await startUpstash();
    const once = onceOn(
      upstashStore({ client: new Redis({ url: other.url, token: TOKEN, retry: { retries: 0 } }) }),
    );
    await other.kill();
    const error = await errorOf(once('k', () => expect.fail('it ran')));
    expect(error).toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(
        /the store upstash at 127\.0\.0\.1:\d+ failed: fetch failed: .*ECONNREFUSED/,
      ),
    });
    await other.start();
    expect(await once('k', () => 1)).toBe(1);
    await once.close();
    await other.stop();
  });

  it('that dies between claim and completion keeps the result once it is back', async () => {
    const other = await startUpstash();
    const options = { url: other.url, token: TOKEN, retry: { retries: 1, backoff: () => 5 } };
    const once = onceOn(upstashStore({ client: new Redis(options) }));
    let restart: Promise<void> | undefined;
    const value = await once('k', async () => {
      await other.kill();
      restart = sleep(300).then(() => other.start());
      return 'paid';
    });
    expect(value).toBe('paid');
    await restart;
    const store = upstashStore({ client: new Redis(options) });
    await expect.poll(async () => (await store.read('k')).record?.state).toBe('done');
    expect(await onceOn(store)('k', () => expect.fail('it ran again'))).toBe('paid');
    await once.close();
    await other.stop();
  });

  it.each([
    ['claim', (command: string) => !isCompletion(command)],
    ['completion', isCompletion],
  ])('that loses the reply to a %s runs once and keeps the result', async (_, isIt) => {
    const key = randomKey();
    const lost = change(key, isIt, async (ask) => void (await ask()));
    let runs = 0;
    const once = onceOn();
    const run = () => {
      runs++;
      return 'paid';
    };
    expect(await once(key, run)).toBe('paid');
    expect(await onceOn()(key, run)).toBe('paid');
    expect([lost(), runs]).toEqual([1, 1]);
    await once.close();
  });

  it('that answers a claim too late runs nothing, and the key is free again', async () => {
    const key = randomKey();
    let answer = () => {};
    const late = change(
      key,
      () => true,
      async (ask) => {
        const reply = await ask();
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return reply;
      },
    );
    const once = onceOn(storeOf(), { storeTimeoutMs: 200 });
    expect(await errorOf(once(key, () => expect.fail('it ran')))).toMatchObject({
      code: 'SAMEKEY_STORE',
    });
    expect(late()).toBe(1);
    answer();
    expect(await onceOn()(key, () => 'ran')).toBe('ran');
    await once.close();
  });

  it('that answers a completion too late keeps the result', async () => {
    const key = randomKey();
    const late = change(key, isCompletion, async (ask) => {
      await sleep(1500);
      return ask();
    });
    const once = onceOn(storeOf(), { storeTimeoutMs: 500 });
    expect(await once(key, () => 'paid')).toBe('paid');
    expect(await onceOn()(key, () => expect.fail('it ran again'))).toBe('paid');
    expect(late()).toBe(1);
    await once.close();
  });

  /** Each is told at once: the client sends the command a single time. */
  const REFUSALS: Record<string, [Partial<RedisConfigNodejs>, Reply | undefined, RegExp]> = {
    'a wrong token': [
      { token: 'wrong-secret' },
      undefined,
      /failed: Unauthorized \(SAMEKEY_STORE\)$/,
    ],
    'a token that may only read': [{ token: READ_TOKEN }, undefined, /NOPERM .*'evalsha'/],
    'no requests left': [
      {},
      { status: 429, body: { error: 'ERR max requests limit exceeded. Limit: 500000' } },
      /failed: ERR max requests limit exceeded\. Limit: 500000 \(SAMEKEY_STORE\)$/,
    ],
    'a page of a proxy': [{}, { status: 502, body: '<h1>Bad gateway</h1>' }, /Bad gateway/],
    'an error without a reason': [
      {},
      { status: 500, body: {} },
      /failed and gave no reason \(SAMEKEY_STORE\)$/,
    ],
    'a reply that was cut off': [
      {},
      { status: 200, body: '{"result":[[1,"NDpwYWlk' },
      /Unable to parse response body: the reply was cut off \(SAMEKEY_STORE\)$/,
    ],
  };

  it.each(Object.entries(REFUSALS))(
    'such as %s fails at once, with a code and without secrets',
    async (_, [options, reply, message]) => {
      if (reply !== undefined) server.answer = () => reply;
      const once = onceOn(storeOf(options));
      const error = await errorOf(once(randomKey(), () => expect.fail('it ran')));
      expect(error).toMatchObject({
        code: 'SAMEKEY_STORE',
        message: expect.stringMatching(message),
      });
      const shown = inspect(error, { depth: 10, showHidden: true }) + error.stack;
      expect(shown).not.toMatch(/wrong-secret|token-of-the-tests|NDpw|local function/);
      await once.close();
    },
  );

  it('shows no result of the program in an error', async () => {
    const store = storeOf();
    await store.claim('k-secret', request('o'));
    server.answer = () => ({ status: 500, body: { error: 'ERR internal' } });
    const error = await errorOf(store.complete('k-secret', 'o', completion('top secret')));
    expect(error.message).toBe('ERR internal');
    expect(inspect(error, { depth: 10 })).not.toContain('top secret');
  });

  it('that is full refuses new keys, and keeps a result when there is room', async () => {
    const store = storeOf();
    const once = onceOn(store);
    const key = randomKey();
    await server.redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    const value = await once(key, async () => {
      await server.redis.ask('CONFIG', 'SET', 'maxmemory', '1');
      const error = await errorOf(once(randomKey(), () => expect.fail('it ran')));
      expect(error).toMatchObject({ code: 'SAMEKEY_STORE', message: expect.stringMatching(/OOM/) });
      setTimeout(() => server.redis.ask('CONFIG', 'SET', 'maxmemory', '0'), 300);
      return 'paid';
    });
    expect(value).toBe('paid');
    expect(await onceOn()(key, () => expect.fail('it ran again'))).toBe('paid');
    await once.close();
  });

  it.each([
    ['a text', ['SET', 'hello'], /the value is not a record of samekey/],
    ['a list', ['LPUSH', 'hello'], /WRONGTYPE/],
    ['a record of another version', ['SET', 'version 9\nrunning\n'], /not a record of samekey/],
  ])('such as %s under the key is refused and stays', async (_, [command, value], message) => {
    const key = randomKey();
    await server.redis.ask(command as string, `samekey:${key}`, value as string);
    const before = await server.redis.ask('DUMP', `samekey:${key}`);
    const once = onceOn();
    expect(await errorOf(once(key, () => expect.fail('it ran')))).toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(message),
    });
    expect(await server.redis.ask('DUMP', `samekey:${key}`)).toBe(before);
    await once.close();
  });

  it('gives a result that is too long for a request to its caller', async () => {
    const once = onceOn();
    const key = randomKey();
    const value = 'x'.repeat(11 * 1024 * 1024);
    expect(await errorOf(once(key, () => value))).toMatchObject({
      code: 'SAMEKEY_STORE_FULL',
      message: expect.stringMatching(/11534338 bytes, wanted at most the service's limit/),
      value,
    });
    expect(await once(key, () => 'short')).toBe('short');
    await once.close();
  });

  it('works on after the server has lost its scripts', async () => {
    const store = storeOf();
    await store.claim('flushed', request('o'));
    await server.redis.ask('SCRIPT', 'FLUSH');
    expect(await store.complete('flushed', 'o', completion('kept'))).toBe(true);
    expect((await store.read('flushed')).record?.payload).toEqual(completion('kept').payload);
  });

  it('sends the claims of one turn as one request, each with its own outcome', async () => {
    const store = storeOf();
    await store.claim('taken', request('another'));
    server.commands.length = 0;
    const keys = ['free-1', 'taken', 'free-2'];
    const claims = await Promise.all(keys.map((key) => store.claim(key, request('o'))));
    expect(claims.map(({ claimed }) => claimed)).toEqual([true, false, true]);
    expect(server.commands).toHaveLength(1);
    // A value of somebody else fails only its own call.
    await server.redis.ask('SET', 'samekey:foreign', 'hello');
    const settled = await Promise.allSettled(
      ['foreign', 'free-3'].map((key) => store.claim(key, request('o'))),
    );
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  describe('in the client', () => {
    it.each([
      ['an ioredis', () => new IoRedis({ lazyConnect: true })],
      ['a pipeline', () => ({ ...clientOf().pipeline() })],
      ['nothing', () => undefined],
    ])('%s is refused', (_, make) => {
      expect(() => upstashStore({ client: make() as unknown as UpstashClient })).toThrow(
        expect.objectContaining({ name: 'TypeError', code: 'SAMEKEY_BAD_CLIENT' }),
      );
    });

    it('an address or a token that is missing is told before any request', async () => {
      const warn = console.warn;
      console.warn = () => {};
      const clients = [new Redis({ url: server.url, token: '' }), new Redis({} as never)];
      console.warn = warn;
      for (const client of clients) {
        const error = await errorOf(upstashStore({ client }).claim('k', request('o')));
        expect(error.message).toMatch(/the client has no url or no token/);
      }
      expect(server.commands).toEqual([]);
    });

    it('an aborted signal, which makes up a reply, fails each step', async () => {
      const store = storeOf({ signal: AbortSignal.abort('stopped') });
      const calls = [
        store.claim('k', request('o')),
        store.renew('k', 'o', 1000),
        store.complete('k', 'o', completion('x')),
        store.release('k', 'o'),
        store.read('k'),
        store.evict('k'),
      ];
      for (const { message } of await Promise.all(calls.map(errorOf))) {
        expect(message).toMatch(/wanted the list of a script/);
      }
    });

    it('a change of texts is found', async () => {
      const client = clientOf();
      const cut = (reply: unknown): unknown => {
        if (Array.isArray(reply)) return reply.map(cut);
        return typeof reply === 'string' ? reply.slice(0, -1) : reply;
      };
      const broken = {
        pipeline: client.pipeline,
        exec: async (command: [string, ...string[]]) => cut(await client.exec(command)),
      };
      await storeOf().claim('changed', request('o'));
      const error = await errorOf(upstashStore({ client: broken }).read('changed'));
      expect(error).toMatchObject({
        code: 'SAMEKEY_BAD_CLIENT',
        message: expect.stringMatching(/it changed a text of a reply/),
      });
      const shortened = {
        pipeline: client.pipeline,
        exec: (command: [string, ...string[]]) =>
          client.exec(command.map((text) => text.replace('paid', 'pai')) as [string]),
      };
      const refused = await errorOf(
        upstashStore({ client: shortened }).complete('changed', 'o', completion('paid')),
      );
      expect(refused.message).toMatch(/the payload has not arrived as it was sent/);
      expect((await storeOf().read('changed')).record?.state).toBe('running');
    });
  });
});
