import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Redis as UpstashRedis } from '@upstash/redis';
import { Redis } from 'ioredis';
import Database from 'libsql';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { dynamoDbStore } from '../../src/store/dynamodb.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { mysqlStore } from '../../src/store/mysql.js';
import { postgresStore } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import { sqliteStore } from '../../src/store/sqlite.js';
import type { Store } from '../../src/store/store.js';
import { upstashStore } from '../../src/store/upstash.js';
import { startDynalite } from '../servers/dynalite.js';
import { hasMariadb, startMariadb } from '../servers/mariadb.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { startUpstash, TOKEN } from '../servers/upstash.js';
import { samekey } from './program.js';

/** A store that the program opens by `address` and `env`. */
export interface CliStore {
  readonly address: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly store: Store;
  /** Of a server: ends it at once. */
  kill?(): Promise<void>;
  /** Of a server: starts it again with its data. */
  start?(): Promise<void>;
  end(): Promise<void>;
}

/** The SDK of AWS warns of old releases of Node.js in each process. */
export const AWS_QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' } as const;

interface Kind {
  readonly name: string;
  readonly tool: string;
  readonly isThere: boolean;
  readonly open: () => Promise<CliStore>;
}

/** Prints the SQL of a table, as the documentation says. */
const sqlOf = async (dialect: string) =>
  (await samekey(['store', 'sql', '--dialect', dialect, '--table', 'calls'])).stdout;

/** A new folder, and how to remove it. */
function temporary() {
  const path = mkdtempSync(join(tmpdir(), 'samekey-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Every store that `--store` opens and that outlives a command. */
export const CLI_STORES: readonly Kind[] = [
  {
    name: 'Redis',
    tool: 'redis-server',
    isThere: hasRedis,
    async open() {
      const server = await startRedis();
      const client = new Redis(server.url).on('error', () => {});
      return {
        address: ['--store', server.url, '--prefix', 'p:'],
        env: {},
        store: redisStore({ client, prefix: 'p:' }),
        kill: () => server.kill(),
        start: () => server.start(),
        async end() {
          client.disconnect();
          await server.stop();
        },
      };
    },
  },
  {
    name: 'PostgreSQL',
    tool: 'PostgreSQL',
    isThere: hasPostgres,
    async open() {
      const server = await startPostgres();
      const pool = new pg.Pool({ connectionString: server.url });
      pool.on('error', () => {});
      await pool.query(await sqlOf('postgres'));
      return {
        address: ['--store', server.url, '--table', 'calls'],
        env: {},
        store: postgresStore({ pool, table: 'calls' }),
        kill: () => server.kill(),
        start: () => server.start(),
        async end() {
          await pool.end();
          await server.stop();
        },
      };
    },
  },
  {
    name: 'MySQL',
    tool: 'MariaDB',
    isThere: hasMariadb,
    async open() {
      const server = await startMariadb();
      const pool = createPool(server.url);
      await pool.query(await sqlOf('mysql'));
      return {
        address: ['--store', server.url, '--table', 'calls'],
        env: {},
        store: mysqlStore({ pool, table: 'calls' }),
        kill: () => server.kill(),
        async end() {
          await pool.end().catch(() => {});
          await server.stop();
        },
      };
    },
  },
  {
    name: 'Upstash',
    tool: 'redis-server',
    isThere: hasRedis,
    async open() {
      const server = await startUpstash();
      const client = new UpstashRedis({ url: server.url, token: TOKEN });
      return {
        address: ['--store', `upstash:${server.url}`, '--prefix', 'p:'],
        env: { UPSTASH_REDIS_REST_TOKEN: TOKEN },
        store: upstashStore({ client, prefix: 'p:' }),
        kill: () => server.kill(),
        end: () => server.stop(),
      };
    },
  },
  {
    name: 'DynamoDB',
    tool: 'dynalite',
    isThere: true,
    async open() {
      const server = await startDynalite('calls');
      const env = {
        ...AWS_QUIET,
        AWS_ENDPOINT_URL_DYNAMODB: server.url,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local-secret',
      };
      const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' };
      const client = new DynamoDBClient({
        endpoint: server.url,
        region: 'eu-west-1',
        credentials,
      });
      return {
        address: ['--store', 'dynamodb:calls'],
        env,
        store: dynamoDbStore({ client, table: 'calls' }),
        kill: () => server.kill(),
        async end() {
          client.destroy();
          await server.stop();
        },
      };
    },
  },
  {
    name: 'LMDB',
    tool: 'lmdb',
    isThere: true,
    async open() {
      const { path, remove } = temporary();
      const store = lmdbStore({ path });
      return {
        address: ['--store', `lmdb:${path}`],
        env: {},
        store,
        async end() {
          await store.close();
          remove();
        },
      };
    },
  },
  {
    name: 'SQLite',
    tool: 'libsql',
    isThere: true,
    async open() {
      const { path, remove } = temporary();
      const file = join(path, 'records.db');
      const database = new Database(file);
      database.exec(await sqlOf('sqlite'));
      return {
        address: ['--store', `sqlite:${file}`, '--table', 'calls'],
        env: {},
        store: sqliteStore({ database, table: 'calls' }),
        async end() {
          database.close();
          remove();
        },
      };
    },
  },
];
