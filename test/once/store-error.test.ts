import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createClient as createLibsqlClient } from '@libsql/client';
import { Redis as Upstash } from '@upstash/redis';
import { Redis } from 'ioredis';
import Database from 'libsql';
import { createPool as createCallbackPool } from 'mysql2';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { createClient } from 'redis';
import { afterAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { createOnce } from '../../src/once/index.js';
import { durableObjectStore } from '../../src/store/durable-object.js';
import { dynamoDbStore } from '../../src/store/dynamodb.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import { mysqlStore } from '../../src/store/mysql.js';
import { postgresStore } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import { sqliteStore } from '../../src/store/sqlite.js';
import type { Store } from '../../src/store/store.js';
import { upstashStore } from '../../src/store/upstash.js';
import { freePort } from '../servers/process.js';
import { but } from './scene.js';

const PASSWORD = 'hunter2';

async function failureOf(
  store: Store,
  storeTimeoutMs = 60_000,
): Promise<{ error: Error; message: string }> {
  const once = createOnce({ store, storeTimeoutMs });
  const key = randomKey();
  const error = await once(key, () => 1).catch((error) => error);
  expect(error).toMatchObject({ name: 'OnceError', code: 'SAMEKEY_STORE' });
  expect(`${error.message} ${error}`).not.toContain(PASSWORD);
  return { error, message: error.message.replace(key, 'KEY') };
}

const messageOf = async (store: Store) => (await failureOf(store)).message;

interface Down {
  readonly store: Store;
  /** For a client that only goes on connecting. */
  readonly storeTimeoutMs?: number;
  end?(): unknown;
}

/** Stores of which nothing answers, where they say they are, and why they fail. */
const DOWN: Readonly<
  Record<string, readonly [(at: Place) => Down | Promise<Down>, RegExp, RegExp]>
> = {
  'pg with a connection string': [
    ({ port }) => onPg({ connectionString: `postgres://u:${PASSWORD}@127.0.0.1:${port}/app` }),
    /^postgres at 127\.0\.0\.1:PORT\/app$/,
    /^connect ECONNREFUSED .*:PORT/,
  ],
  'pg with members': [
    ({ port }) => onPg({ host: '127.0.0.1', port, ...USER }),
    /^postgres at 127\.0\.0\.1:PORT\/app$/,
    /^connect ECONNREFUSED .*:PORT/,
  ],
  // Several addresses: its error has no message.
  'pg with localhost': [
    ({ port }) => onPg({ host: 'localhost', port, ...USER }),
    /^postgres at localhost:PORT\/app$/,
    /connect ECONNREFUSED .*:PORT/,
  ],
  'node-redis': [
    ({ port }) => {
      const client = createClient({ url: `redis://u:${PASSWORD}@127.0.0.1:${port}/0` });
      client.on('error', () => {});
      client.connect().catch(() => {});
      const end = () => client.destroy();
      return { store: redisStore({ client }), storeTimeoutMs: 500, end };
    },
    /^redis at 127\.0\.0\.1:PORT$/,
    /^no answer within 500 ms$/,
  ],
  'ioredis with a URL': [
    ({ port }) => onIoredis(new Redis(`redis://u:${PASSWORD}@127.0.0.1:${port}`, ONE_TRY)),
    /^redis at 127\.0\.0\.1:PORT$/,
    /^Connection is closed\.$/,
  ],
  'ioredis with members': [
    ({ port }) => {
      const place = { host: '127.0.0.1', port, username: 'u', password: PASSWORD };
      return onIoredis(new Redis({ ...place, ...ONE_TRY }));
    },
    /^redis at 127\.0\.0\.1:PORT$/,
    /^Connection is closed\.$/,
  ],
  '@upstash/redis': [
    ({ port }) => {
      const url = `http://127.0.0.1:${port}`;
      const client = new Upstash({ url, token: PASSWORD, retry: { retries: 0 } });
      return { store: upstashStore({ client }) };
    },
    /^upstash at 127\.0\.0\.1:PORT$/,
    /^fetch failed: .*ECONNREFUSED/,
  ],
  'mysql2 with a URL': [
    ({ port }) => onMysql(createPool(`mysql://u:${PASSWORD}@127.0.0.1:${port}/app`)),
    /^mysql at 127\.0\.0\.1:PORT\/app$/,
    /ECONNREFUSED/,
  ],
  'mysql2 with members, and without promises': [
    ({ port }) => {
      const pool = createCallbackPool({ host: '127.0.0.1', port, ...USER });
      return { store: mysqlStore({ pool }), end: () => ended(pool.promise()) };
    },
    /^mysql at 127\.0\.0\.1:PORT\/app$/,
    /ECONNREFUSED/,
  ],
  'mysql2 with a socket': [
    ({ folder }) => onMysql(createPool({ socketPath: join(folder, 'none.sock'), ...USER })),
    /^mysql at FOLDER\/none\.sock\/app$/,
    /ENOENT/,
  ],
  'DynamoDB with an endpoint': [
    ({ port }) => onDynamoDb({ endpoint: `http://u:${PASSWORD}@127.0.0.1:${port}` }),
    /^dynamodb at http:\/\/127\.0\.0\.1:PORT\/orders$/,
    /^Cannot reach the table "orders" at http:\/\/127\.0\.0\.1:PORT: ECONNREFUSED/,
  ],
  'DynamoDB with a region': [
    () => {
      const handle = () => Promise.reject(Object.assign(new Error(''), { code: 'ENOTFOUND' }));
      return onDynamoDb({ requestHandler: { handle } });
    },
    /^dynamodb at eu-west-1\/orders$/,
    /^Cannot reach the table "orders" in eu-west-1: ENOTFOUND/,
  ],
  'SQLite in a file': [
    ({ folder }) => {
      const file = join(folder, 'text.db');
      writeFileSync(file, 'text '.repeat(1000));
      const database = new Database(file);
      return { store: sqliteStore({ database }), end: () => database.close() };
    },
    /^sqlite at FOLDER\/text\.db$/,
    /the file is not a database of SQLite/,
  ],
  // The client does not tell its address.
  'SQLite on a server': [
    ({ port }) => {
      const client = createLibsqlClient({ url: `http://127.0.0.1:${port}`, authToken: PASSWORD });
      return { store: sqliteStore({ database: client }), end: () => client.close() };
    },
    /^sqlite$/,
    /ECONNREFUSED/,
  ],
  LMDB: [
    async ({ folder }) => {
      const store = lmdbStore({ path: join(folder, 'lmdb') });
      await store.close();
      return { store };
    },
    /^lmdb at FOLDER\/lmdb$/,
    /the LMDB store was closed/,
  ],
  'Durable Objects': [
    () => onDurableObjects(16),
    /^durable-object at samekey:0 to samekey:15$/,
    /^Cannot ask the Durable Object samekey:\d+: Network connection lost\.$/,
  ],
  'one Durable Object': [
    () => onDurableObjects(1),
    /^durable-object at samekey:0$/,
    /^Cannot ask the Durable Object samekey:0: Network connection lost\.$/,
  ],
};

interface Place {
  /** Nobody listens there. */
  readonly port: number;
  readonly folder: string;
}

const USER = { user: 'u', password: PASSWORD, database: 'app' };
const ONE_TRY = { maxRetriesPerRequest: 0, retryStrategy: () => null };

function onPg(config: pg.PoolConfig): Down {
  const pool = new pg.Pool(config);
  pool.on('error', () => {});
  return { store: postgresStore({ pool }), end: () => pool.end() };
}

function onIoredis(client: Redis): Down {
  client.on('error', () => {});
  return { store: redisStore({ client }), end: () => client.disconnect() };
}

function onMysql(pool: ReturnType<typeof createPool>): Down {
  return { store: mysqlStore({ pool }), end: () => ended(pool) };
}

/** `end` of `mysql2` rejects if a connection was refused. */
const ended = (pool: { end(): Promise<void> }) => pool.end().catch(() => {});

function onDynamoDb(config: object): Down {
  const credentials = { accessKeyId: 'id', secretAccessKey: PASSWORD };
  const client = new DynamoDBClient({
    region: 'eu-west-1',
    credentials,
    maxAttempts: 1,
    ...config,
  });
  return { store: dynamoDbStore({ client, table: 'orders' }), end: () => client.destroy() };
}

/** As workerd rejects when an object is gone. test/runtimes does the same with real ones. */
function onDurableObjects(shards: number): Down {
  const fetch = () => Promise.reject(new Error('Network connection lost.'));
  const namespace = { idFromName: (name: string) => name, get: () => ({ fetch }) };
  return { store: durableObjectStore({ namespace, shards }) };
}

describe('the error of a store that is down names it, where it is and why, and no password', () => {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-down-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.entries(DOWN))('%s', async (_, [open, place, reason]) => {
    const port = await freePort();
    const { store, storeTimeoutMs, end } = await open({ port, folder });
    const { error, message } = await failureOf(store, storeTimeoutMs);
    await end?.();
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    const [, where = '', why = ''] =
      /^Cannot claim KEY: the store (\S+(?: at .+?)?) failed: (.*) \(SAMEKEY_STORE\)$/.exec(
        message.replaceAll(String(port), 'PORT').replaceAll(folder, 'FOLDER'),
      ) ?? [];
    expect(where, message).toMatch(place);
    expect(why, message).toMatch(reason);
  });

  it('of every store that there is', () => {
    const { exports } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { readonly exports: object };
    const exported = Object.keys(exports).flatMap(
      (entry) => /^\.\/store\/(.+)$/.exec(entry)?.[1] ?? [],
    );
    const named = Object.values(DOWN).map(([, place]) => /\^([a-z-]+)/.exec(place.source)?.[1]);
    // Neither can be down.
    const rest = exported.filter((name) => !['memory', 'conformance'].includes(name));
    expect([...new Set(named)].sort()).toEqual(rest.sort());
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
  const port = await freePort();
  const pool = new pg.Pool({ host: '127.0.0.1', port, database: 'app' });
  const store = postgresStore({ pool });
  const wrapped: Store = Object.assign(Object.create(store), {
    claim: (...args: Parameters<Store['claim']>) => store.claim(...args),
  });
  expect(await messageOf(wrapped)).toMatch(
    /^Cannot claim KEY: the store postgres failed: .*ECONNREFUSED/,
  );
});
