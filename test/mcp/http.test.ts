import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type IdempotentTools, idempotentTools } from '../../src/mcp/mcp.js';
import { memoryStore } from '../../src/store/memory.js';
import { describeWith, ended } from '../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../servers/redis.js';
import { connectHttp, type HttpServer, MemoryEvents, startHttp } from './http.js';
import { latch, Shop, shopServer, told } from './shop.js';

const servers: HttpServer[] = [];
const clients: Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(shop: Shop, tools?: IdempotentTools<never>, options: object = {}) {
  const server = await startHttp(() => shopServer(shop, tools as IdempotentTools), options);
  servers.push(server);
  const open = async (headers?: Record<string, string>) => {
    const client = await connectHttp(server.url, headers);
    clients.push(client);
    return client;
  };
  return { server, open };
}

const pay = (client: Client, reason: string, options: RequestOptions & { key?: string } = {}) => {
  const { key, ...rest } = options;
  return client.callTool(
    {
      name: 'pay',
      arguments: { order: 7, amount: 20, reason },
      ...(key !== undefined && { _meta: { idempotencyKey: key } }),
    },
    undefined,
    rest,
  );
};

describe.each([
  ['without samekey', false, 2],
  ['with samekey', true, 1],
] as const)('over Streamable HTTP, %s,', (_, isOnce, count) => {
  const toolsOf = () => (isOnce ? idempotentTools({ store: memoryStore() }) : undefined);

  it(`a stream that is cut and resumed by Last-Event-ID, and a call in another session: runs ${count}`, async () => {
    const shop = new Shop();
    const { opened, open: finish } = latch();
    shop.pause = opened;
    const { server, open } = await serve(shop, toolsOf(), { events: new MemoryEvents() });
    const tokens: string[] = [];
    const call = pay(await open(), 'as agreed', {
      onresumptiontoken: (token) => tokens.push(token),
    });
    await expect.poll(() => [shop.billed.length, tokens.length]).toEqual([1, 1]);
    server.cut();
    await expect.poll(() => server.resumed.length).toBeGreaterThan(0);
    finish();
    expect(told(await call)).toEqual(['receipt 1', isOnce ? 'executed' : undefined]);
    // A resumed call runs once with and without samekey.
    expect(shop.billed).toEqual([20]);
    const [text] = told(await pay(await open(), 'the agent was restarted'));
    expect(text).toBe(`receipt ${count}`);
    expect(shop.billed).toHaveLength(count);
  });

  it(`a stream that is cut and cannot be resumed, and a client that calls again: runs ${count}`, async () => {
    const shop = new Shop();
    const { opened, open: finish } = latch();
    shop.pause = opened;
    const { server, open } = await serve(shop, toolsOf());
    const client = await open();
    const call = pay(client, 'as agreed', { timeout: 1500 }).catch((error: Error) => error.message);
    await expect.poll(() => shop.billed).toHaveLength(1);
    server.cut();
    finish();
    expect(await call).toContain('timed out');
    expect(server.resumed).toEqual([]);
    const [text, outcome] = told(await pay(client, 'once more'));
    expect([text, outcome]).toEqual([`receipt ${count}`, isOnce ? 'replayed' : undefined]);
    expect(shop.billed).toHaveLength(count);
  });

  it(`a client that leaves and connects again in the middle of the run: runs ${count}`, async () => {
    const shop = new Shop();
    const { opened, open: finish } = latch();
    shop.pause = opened;
    const tools = toolsOf();
    const { open } = await serve(shop, tools);
    const first = await open();
    const call = pay(first, 'as agreed').catch((error: Error) => error.message);
    await expect.poll(() => shop.billed).toHaveLength(1);
    await first.close();
    expect(await call).toContain('Connection closed');
    const second = await open();
    const again = pay(second, 'the agent was restarted');
    if (isOnce) await second.ping();
    else await expect.poll(() => shop.billed).toHaveLength(2);
    finish();
    const [text, outcome] = told(await again);
    expect([text, outcome]).toEqual([`receipt ${count}`, isOnce ? 'joined' : undefined]);
    expect(shop.billed).toHaveLength(count);
  });
});

describe('the account of a call over HTTP', () => {
  const credentials = (user: string) => ({ authorization: `Bearer ${user}` });

  it('is that of its credentials: no caller gets the result of another, whatever key it sends', async () => {
    const shop = new Shop();
    const { open } = await serve(shop, idempotentTools({ store: memoryStore() }));
    const [anna, ben] = await Promise.all([open(credentials('anna')), open(credentials('ben'))]);
    const results = [];
    for (const key of [undefined, 'order-7']) {
      for (const client of [anna, ben, anna])
        results.push(told(await pay(client, 'as agreed', key === undefined ? {} : { key })));
    }
    expect(results).toEqual([
      ['receipt 1', 'executed'],
      ['receipt 2', 'executed'],
      ['receipt 1', 'replayed'],
      ['receipt 3', 'executed'],
      ['receipt 4', 'executed'],
      ['receipt 3', 'replayed'],
    ]);
  });

  it('is that of a tenant beside the credentials, and not of a session', async () => {
    const shop = new Shop();
    const { open } = await serve(shop, idempotentTools({ store: memoryStore() }));
    for (const tenant of ['a', 'b', 'a'])
      await pay(await open({ ...credentials('service'), 'x-tenant-id': tenant }), 'as agreed');
    expect(shop.billed).toHaveLength(2);
  });

  it('is that of the verified token, whatever else is sent with it', async () => {
    const shop = new Shop();
    const { open } = await serve(shop, idempotentTools({ store: memoryStore() }), {
      userOf: (token: string) => token,
    });
    for (const cookie of ['a=1', 'a=2'])
      await pay(await open({ ...credentials('anna'), cookie }), 'as agreed');
    await pay(await open(credentials('ben')), 'as agreed');
    expect(shop.billed).toHaveLength(2);
  });

  it('is what the option says, for a token that changes', async () => {
    const shop = new Shop();
    const tools = idempotentTools({
      store: memoryStore(),
      account: ({ authInfo }) => authInfo?.extra?.user as string | undefined,
    });
    const { open } = await serve(shop, tools, {
      userOf: (token: string) => token.split('.')[0] as string,
    });
    for (const token of ['anna.1', 'anna.2', 'ben.1'])
      await pay(await open(credentials(token)), 'as agreed');
    expect(shop.billed).toHaveLength(2);
  });

  it('must be known: a call without credentials is refused, with or without a key', async () => {
    const shop = new Shop();
    const { open } = await serve(shop, idempotentTools({ store: memoryStore() }));
    const client = await open({});
    for (const options of [{}, { key: 'order-7' }]) {
      const refused = await pay(client, 'as agreed', options);
      expect(refused.isError).toBe(true);
      expect(told(refused)[0]).toMatch(/^Cannot tell whose call it is: it came over HTTP without/);
    }
    expect(shop.billed).toEqual([]);
  });

  it('can be one for all', async () => {
    const shop = new Shop();
    const tools = idempotentTools({ store: memoryStore(), account: () => 'local' });
    const { open } = await serve(shop, tools);
    for (const headers of [{}, credentials('anna')]) await pay(await open(headers), 'as agreed');
    expect(shop.billed).toHaveLength(1);
  });

  it('must be text', async () => {
    const shop = new Shop();
    const tools = idempotentTools({ store: memoryStore(), account: (() => 7) as never });
    const { open } = await serve(shop, tools);
    const refused = await pay(await open(), 'as agreed');
    expect(told(refused)[0]).toBe(
      'Cannot tell whose call it is: account gave a number, wanted text',
    );
    expect(shop.billed).toEqual([]);
  });
});

describeWith('redis-server', hasRedis, 'two stateless servers', () => {
  const PROGRAM = fileURLToPath(new URL('http-server.mjs', import.meta.url));
  const children: ChildProcess[] = [];
  let redis: RedisServer;
  let folder: string;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'samekey-mcp-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      await ended(child);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const runs = () =>
    readFileSync(join(folder, 'runs'), { encoding: 'utf8', flag: 'a+' })
      .split('\n')
      .filter((line) => line !== '');
  const finish = () => writeFileSync(join(folder, 'finish'), '');

  async function start(isOnce: boolean) {
    const config = JSON.stringify({
      redisUrl: isOnce ? redis.url : undefined,
      log: join(folder, 'runs'),
      finish: join(folder, 'finish'),
    });
    const child = fork(PROGRAM, [config], { execArgv: [] });
    children.push(child);
    const [{ port }] = await once(child, 'message');
    const client = await connectHttp(new URL(`http://127.0.0.1:${port}/mcp`));
    clients.push(client);
    return client;
  }

  it.each([
    ['without samekey', false, 2],
    ['on one Redis', true, 1],
  ] as const)('%s, of which one is asked and then the other', async (_, isOnce, count) => {
    const [first, second] = await Promise.all([start(isOnce), start(isOnce)]);
    const patience = new AbortController();
    const { signal } = patience;
    const call = pay(first, 'as agreed', { signal }).catch((error: Error) => error.message);
    await expect.poll(runs).toHaveLength(1);
    patience.abort(new Error('it takes too long'));
    expect(await call).toContain('it takes too long');
    const again = pay(second, 'once more');
    if (!isOnce) await expect.poll(runs).toHaveLength(2);
    finish();
    const results = [told(await again), told(await pay(first, 'to be sure'))];
    const [paid] = runs().map((line) => `paid by ${line.split(' ')[1]}`);
    if (isOnce) {
      expect(results.map(([text]) => text)).toEqual([paid, paid]);
      expect(results[1]?.[1]).toBe('replayed');
    }
    expect(runs()).toHaveLength(isOnce ? count : count + 1);
  });
});
