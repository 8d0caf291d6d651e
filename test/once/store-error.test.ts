import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { createOnce } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { postgresStore } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import type { Store } from '../../src/store/store.js';
import { but } from './scene.js';

const PASSWORD = 'hunter2';

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function messageOf(store: Store): Promise<string> {
  const once = createOnce({ store, storeTimeoutMs: 500 });
  const key = randomKey();
  const error = await once(key, () => 1).catch((error) => error);
  expect(error).toMatchObject({ name: 'OnceError', code: 'SAMEKEY_STORE' });
  expect(JSON.stringify([error.message, String(error)])).not.toContain(PASSWORD);
  return error.message.replace(key, 'KEY');
}

describe('the error of a server that is down names it, and not its password', () => {
  it.each<[string, (port: number) => pg.PoolConfig]>([
    [
      'a connection string',
      (port) => ({ connectionString: `postgres://u:${PASSWORD}@127.0.0.1:${port}/app` }),
    ],
    [
      'members',
      (port) => ({ host: '127.0.0.1', port, user: 'u', password: PASSWORD, database: 'app' }),
    ],
    // Several addresses: its error has no message.
    [
      'localhost',
      (port) => ({ host: 'localhost', port, user: 'u', password: PASSWORD, database: 'app' }),
    ],
  ])('pg with %s', async (_, config) => {
    const port = await closedPort();
    const pool = new pg.Pool(config(port));
    pool.on('error', () => {});
    const message = await messageOf(postgresStore({ pool }));
    await pool.end();
    expect(message).toMatch(
      new RegExp(
        `^Cannot claim KEY: the store postgres at (127\\.0\\.0\\.1|localhost):${port}/app failed: .*connect ECONNREFUSED .*:${port}.* \\(SAMEKEY_STORE\\)$`,
      ),
    );
  });

  it('node-redis', async () => {
    const port = await closedPort();
    const client = createClient({ url: `redis://u:${PASSWORD}@127.0.0.1:${port}/0` });
    client.on('error', () => {});
    client.connect().catch(() => {});
    const message = await messageOf(redisStore({ client }));
    client.destroy();
    expect(message).toBe(
      `Cannot claim KEY: the store redis at 127.0.0.1:${port} failed: no answer within 500 ms (SAMEKEY_STORE)`,
    );
  });

  it.each(['url', 'members'])('ioredis with %s', async (how) => {
    const port = await closedPort();
    const options = { maxRetriesPerRequest: 0, retryStrategy: () => null };
    const client =
      how === 'url'
        ? new Redis(`redis://u:${PASSWORD}@127.0.0.1:${port}`, options)
        : new Redis({ host: '127.0.0.1', port, username: 'u', password: PASSWORD, ...options });
    client.on('error', () => {});
    const message = await messageOf(redisStore({ client }));
    client.disconnect();
    expect(message).toContain(`the store redis at 127.0.0.1:${port} failed: `);
  });
});

describe('the reason', () => {
  const failing = (error: unknown) =>
    but(memoryStore(), { claim: () => Promise.reject(error), address: 'https://u:p@db.example/a' });

  it.each<[string, unknown, string]>([
    ['a message', new Error('READONLY'), 'READONLY'],
    [
      'no message, but a code',
      Object.assign(new Error(''), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
    ],
    [
      'errors of several addresses',
      new AggregateError([new Error('::1'), new Error('127.0.0.1'), new Error('::1')]),
      '::1; 127.0.0.1',
    ],
    ['nothing but a name', new RangeError(''), 'RangeError'],
    ['a text', 'down', 'down'],
    ['undefined', undefined, 'undefined'],
    ['an object', {}, 'no reason was given'],
    [
      'a password',
      new Error(`getaddrinfo redis://u:${PASSWORD}@db:1/0`),
      'getaddrinfo redis://db:1/0',
    ],
  ])('of %s', async (_, error, reason) => {
    expect(await messageOf(failing(error))).toBe(
      `Cannot claim KEY: the store memory at https://db.example/a failed: ${reason} (SAMEKEY_STORE)`,
    );
  });
});

it('the error of a store that is wrapped, and cannot say where it is, says the rest', async () => {
  const port = await closedPort();
  const pool = new pg.Pool({ host: '127.0.0.1', port, database: 'app' });
  const store = postgresStore({ pool });
  const wrapped: Store = Object.assign(Object.create(store), {
    claim: (...args: Parameters<Store['claim']>) => store.claim(...args),
  });
  expect(await messageOf(wrapped)).toMatch(
    /^Cannot claim KEY: the store postgres failed: .*ECONNREFUSED/,
  );
});
