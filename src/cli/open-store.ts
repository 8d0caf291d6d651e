import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { builtinModule } from '../engine/builtin-module.js';
import { addressWithoutPassword, textWithoutPasswords } from '../errors/passwords.js';
import type { DynamoDbClient } from '../store/dynamodb.js';
import { DEFAULT_TABLE } from '../store/postgres/statements.js';
import { DEFAULT_PREFIX } from '../store/redis/record-text.js';
import { cannotOpen } from '../store/sqlite/faults.js';
import { prepareExisting, prepareFile } from '../store/sqlite/open-file.js';
import type { Store } from '../store/store.js';
import type { UpstashClient } from '../store/upstash.js';
import { CliError, EXIT, usageError } from './exit-codes.js';

/** The flags that name a store, and the names of its keys or its table. */
export interface StoreAddress {
  readonly store?: string;
  readonly prefix?: string;
  readonly table?: string;
  /** Whether to create an LMDB or SQLite store that does not exist. Otherwise its place stays as it is. */
  readonly create?: boolean;
}

export interface StoreUse {
  /** For a server: reconnects, and creates a missing store or table. */
  readonly isLasting?: boolean;
  /** Creates nothing. */
  readonly isReading?: boolean;
}

/** An open store, and how to close it and its connection. */
export interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** Adds the flags that name the keys or the table in a store. */
export function addStoreNameFlags(command: Command): Command {
  return command
    .option(
      '--prefix <TEXT>',
      `prefix of the keys in Redis or Upstash (default: ${DEFAULT_PREFIX})`,
    )
    .option('--table <NAME>', `table in PostgreSQL, MySQL or SQLite (default: ${DEFAULT_TABLE})`);
}

/** Has the address if the flag is missing. Other users of the machine can read flags in the list of processes. */
const STORE_VARIABLE = 'SAMEKEY_STORE';

const WANTED =
  'wanted redis://…, rediss://…, upstash:https://…, postgres://…, mysql://…, dynamodb:TABLE, lmdb:PATH or sqlite:PATH';
/** The variable with the token of an Upstash store, which `@upstash/redis` reads as well. */
export const UPSTASH_TOKEN = 'UPSTASH_REDIS_REST_TOKEN';
/** How long connecting may take. */
const CONNECT_MS = 5000;
const RECONNECT_MS = 500;
const POOL_SIZE = 10;

/** Opens the store that `--store` names. */
export async function openStore(
  flags: StoreAddress,
  { isLasting = false, isReading = false }: StoreUse = {},
): Promise<OpenedStore> {
  const { store: given, prefix, table, create = false } = flags;
  const address = given ?? (process.env[STORE_VARIABLE] || undefined);
  if (address === undefined)
    throw usageError(`Cannot open the store: --store is missing, ${WANTED}`);
  refuseUnusedNames(address, flags);
  const isCreated = create || (isLasting && !isReading);
  if (address.startsWith('lmdb:')) return openLmdb(address.slice('lmdb:'.length), isCreated);
  if (address.startsWith('sqlite:'))
    return openSqlite(address.slice('sqlite:'.length), table, isCreated);
  // A memory store would always be empty in a single command.
  if (isLasting && !isReading && address === 'memory:') return openMemory();
  if (/^rediss?:\/\//.test(address)) return openRedis(address, prefix, isLasting);
  if (/^postgres(?:ql)?:\/\//.test(address))
    return openPostgres(address, table, isLasting, isCreated);
  if (address.startsWith('mysql://')) return openMysql(address, table, isLasting, isCreated);
  if (/^upstash:https?:\/\//.test(address)) return openUpstash(address, prefix);
  if (address.startsWith('dynamodb:')) return openDynamoDb(address);
  throw usageError(
    `Cannot open the store ${JSON.stringify(addressWithoutPassword(address))}: ${WANTED}`,
  );
}

/** A name that has no effect would look as if the store had no records. */
function refuseUnusedNames(address: string, { prefix, table }: StoreAddress): void {
  const kind = /^[a-z]+(?=:)/.exec(address)?.[0] ?? '';
  if (
    prefix !== undefined &&
    /^(?:postgres(?:ql)?|mysql|sqlite|dynamodb|lmdb|memory)$/.test(kind)
  ) {
    throw usageError(
      `Cannot use --prefix with ${kind}: it is for Redis and Upstash, wanted no --prefix`,
    );
  }
  if (table !== undefined && /^(?:rediss?|upstash|dynamodb|lmdb|memory)$/.test(kind)) {
    const wanted = kind === 'dynamodb' ? 'the table in the address, dynamodb:TABLE' : 'no --table';
    throw usageError(
      `Cannot use --table with ${kind}: it is for PostgreSQL, MySQL and SQLite, wanted ${wanted}`,
    );
  }
}

/** Loads a store's module, with its dependencies, only when it is needed. */
function entry<T>(name: string): Promise<T> {
  return import(new URL(`../store/${name}.js`, import.meta.url).href);
}

/** Says which store needs no package, where there is one. */
function withoutPackage(): string {
  return ownSqlite() ? ', or --store sqlite:FILE, which needs no package here' : '';
}

/** Imports the first of these packages that is installed. */
async function client<T>(...names: readonly string[]): Promise<{ name: string; module: T }> {
  for (const name of names) {
    try {
      return { name, module: await import(name) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
  }
  throw usageError(
    `Cannot open the store: the package ${names.join(' or ')} is not installed, wanted npm install ${names[0]}${withoutPackage()}`,
  );
}

async function openMemory(): Promise<OpenedStore> {
  const { memoryStore } = await entry<typeof import('../store/memory.js')>('memory');
  const store = memoryStore();
  return { store, close: () => store.close() };
}

async function openLmdb(path: string, create: boolean): Promise<OpenedStore> {
  const found = statSync(path, { throwIfNoEntry: false });
  // LMDB would create it.
  if (!create && found === undefined) {
    throw missingStore(`lmdb:${path}`);
  }
  // LMDB would abort the process.
  if (found?.isDirectory() === false) {
    throw new CliError(
      EXIT.unreadable,
      `lmdb:${path}: it is not a folder, wanted the folder of a store`,
    );
  }
  // LMDB would make its files in the folder.
  if (!create && !statSync(join(path, 'data.mdb'), { throwIfNoEntry: false })?.size) {
    throw missingStore(`lmdb:${path}`);
  }
  await client('lmdb');
  const { lmdbStore } = await entry<typeof import('../store/lmdb.js')>('lmdb');
  const store = await connecting(`lmdb:${path}`, async () => lmdbStore({ path }));
  return { store, close: () => store.close() };
}

const MADE = 'one that samekey batch plan or samekey proxy has made';

function missingStore(address: string): CliError {
  return new CliError(
    EXIT.unreadable,
    `${address}: cannot be read (ENOENT): there is no store, wanted ${MADE}`,
  );
}

type SqliteConstructor = new (path: string) => SqliteFile;
interface SqliteFile {
  prepare(sql: string): unknown;
  exec(sql: string): unknown;
  close(): unknown;
}

async function openSqlite(
  path: string,
  table: string | undefined,
  create: boolean,
): Promise<OpenedStore> {
  const found = statSync(path, { throwIfNoEntry: false });
  // SQLite would create it.
  if (!create && found === undefined) {
    throw missingStore(`sqlite:${path}`);
  }
  const { schemaOf, sqliteStore } = await entry<typeof import('../store/sqlite.js')>('sqlite');
  const named = table === undefined ? {} : { table };
  return connecting(`sqlite:${path}`, async () => {
    // Throws for a wrong name, before the file is made.
    schemaOf(table);
    const Sqlite = await sqliteHere();
    let database: SqliteFile | undefined;
    try {
      database = new Sqlite(path);
      const store = sqliteStore({ database, ...named });
      if (create) prepareFile(database);
      else if (!prepareExisting(database, table ?? DEFAULT_TABLE)) {
        throw missingTable(`sqlite:${path}`, table ?? DEFAULT_TABLE);
      }
      // It makes the table, or refuses one of another program.
      await store.read('ik_');
      return {
        store,
        async close() {
          await store.close();
          database?.close();
        },
      };
    } catch (error) {
      database?.close();
      const isOwn = String((error as NodeJS.ErrnoException).code).startsWith('SAMEKEY_');
      throw isOwn || error instanceof CliError ? error : cannotOpen(path, error);
    }
  });
}

function missingTable(address: string, table: string): CliError {
  return new CliError(
    EXIT.unreadable,
    `${address}: cannot be read: there is no table ${table}, wanted ${MADE}, or another --table`,
  );
}

/** The SQLite of this Node.js, or that of a package. */
async function sqliteHere(): Promise<SqliteConstructor> {
  const own = ownSqlite();
  if (own !== undefined) return own.DatabaseSync;
  // Releases of better-sqlite3 that Node.js 20 cannot load would end the process.
  const { module } = await client<{ default: SqliteConstructor }>('libsql', 'better-sqlite3');
  return module.default;
}

const ownSqlite = () => builtinModule<{ DatabaseSync: SqliteConstructor }>('node:sqlite');

interface NodeRedis {
  createClient(options: object): RedisConnection;
}
interface IoRedis {
  Redis: new (url: string, options: object) => RedisConnection;
}
interface RedisConnection {
  sendCommand(...parameters: never[]): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  connect(): Promise<unknown>;
  destroy?(): void;
  disconnect(): unknown;
}

async function openRedis(
  address: string,
  prefix: string | undefined,
  isLasting: boolean,
): Promise<OpenedStore> {
  const { name, module } = await client<NodeRedis & IoRedis>('redis', 'ioredis');
  let wasOpen = false;
  const create = async () =>
    name === 'redis'
      ? module.createClient({
          url: address,
          socket: {
            connectTimeout: CONNECT_MS,
            // The first connection must succeed, see below. Only later ones are retried.
            reconnectStrategy: () => (isLasting && wasOpen ? RECONNECT_MS : false),
          },
        })
      : new module.Redis(address, {
          lazyConnect: true,
          retryStrategy: () => (isLasting && wasOpen ? RECONNECT_MS : null),
          connectTimeout: CONNECT_MS,
        });
  const connection = await connecting(address, create);
  // The failing call reports the error. Without a listener it would end the process.
  connection.on('error', () => {});
  await connecting(address, () => connection.connect());
  wasOpen = true;
  const { redisStore } = await entry<typeof import('../store/redis.js')>('redis');
  const store = redisStore({ client: connection, ...(prefix === undefined ? {} : { prefix }) });
  return {
    store,
    async close() {
      await store.close();
      if (connection.destroy) connection.destroy();
      else connection.disconnect();
    },
  };
}

interface Pg {
  default: { Pool: new (options: object) => PgPool };
}
interface PgPool {
  query(text: string): Promise<unknown>;
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}

async function openPostgres(
  address: string,
  table: string | undefined,
  isLasting: boolean,
  isCreated: boolean,
): Promise<OpenedStore> {
  const { module } = await client<Pg>('pg');
  const pool = new module.default.Pool({
    connectionString: address,
    // One of the connections listens for notifications.
    max: isLasting ? POOL_SIZE : 1,
    connectionTimeoutMillis: CONNECT_MS,
  });
  pool.on('error', () => {});
  const { postgresStore } = await entry<typeof import('../store/postgres.js')>('postgres');
  const store = postgresStore({ pool, ...(table === undefined ? {} : { table }) });
  await connecting(address, () => (isCreated ? store.migrate() : pool.query('SELECT 1')));
  return {
    store,
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

interface Mysql {
  default: { createPool(options: object): { promise(): MysqlPool } };
}
interface MysqlPool {
  execute(sql: string): Promise<unknown>;
  query(sql: string): Promise<unknown>;
  getConnection(): Promise<unknown>;
  end(): Promise<void>;
}

async function openMysql(
  address: string,
  table: string | undefined,
  isLasting: boolean,
  isCreated: boolean,
): Promise<OpenedStore> {
  const { module } = await client<Mysql>('mysql2');
  const pool = await connecting(address, async () =>
    module.default
      .createPool({
        uri: address,
        connectionLimit: isLasting ? POOL_SIZE : 1,
        connectTimeout: CONNECT_MS,
      })
      .promise(),
  );
  const { mysqlStore } = await entry<typeof import('../store/mysql.js')>('mysql');
  const store = mysqlStore({ pool, ...(table === undefined ? {} : { table }) });
  await connecting(address, () => (isCreated ? store.migrate() : pool.query('SELECT 1')));
  return {
    store,
    async close() {
      await store.close();
      // It rejects if a connection was refused before.
      await pool.end().catch(() => {});
    },
  };
}

interface Upstash {
  Redis: new (options: object) => UpstashClient;
}

async function openUpstash(address: string, prefix: string | undefined): Promise<OpenedStore> {
  const token = process.env[UPSTASH_TOKEN];
  if (!token) {
    throw usageError(
      `Cannot open the store ${JSON.stringify(addressWithoutPassword(address))}: the variable ${UPSTASH_TOKEN} is not set, wanted its token`,
    );
  }
  const { module } = await client<Upstash>('@upstash/redis');
  return connecting(address, async () => {
    const url = address.slice('upstash:'.length);
    const connection = new module.Redis({ url, token, retry: { retries: 1 } });
    const { upstashStore } = await entry<typeof import('../store/upstash.js')>('upstash');
    const named = prefix === undefined ? {} : { prefix };
    return reached(upstashStore({ client: connection, ...named }));
  });
}

interface DynamoDb {
  DynamoDBClient: new (options: object) => DynamoDbClient & { destroy(): void };
}

/** The region and the credentials are those of the environment, as in all programs with the SDK. */
async function openDynamoDb(address: string): Promise<OpenedStore> {
  const table = address.slice('dynamodb:'.length);
  if (table === '')
    throw usageError(`Cannot open the store "dynamodb:": it names no table, ${WANTED}`);
  const { module } = await client<DynamoDb>('@aws-sdk/client-dynamodb');
  return connecting(address, async () => {
    const connection = new module.DynamoDBClient({
      requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: CONNECT_MS },
    });
    const { dynamoDbStore } = await entry<typeof import('../store/dynamodb.js')>('dynamodb');
    const { store, close } = await reached(dynamoDbStore({ client: connection, table }));
    return {
      store,
      async close() {
        await close();
        connection.destroy();
      },
    };
  });
}

/** Returns a store that answers. These have no connection that could be opened first. */
async function reached(store: Store): Promise<OpenedStore> {
  await store.read('ik_');
  return { store, close: () => store.close() };
}

/** Reports an error while connecting as an error of the address. */
async function connecting<T>(address: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { message, code } = error as NodeJS.ErrnoException;
    if (code === 'SAMEKEY_BAD_ARGUMENT') throw usageError(message);
    // When a host has several addresses, the error has no message, only a code.
    const reason = (message || code || String(error)).replaceAll('\n', ' ');
    throw new CliError(
      EXIT.unreadable,
      `${addressWithoutPassword(address)}: cannot be opened (${textWithoutPasswords(reason)})`,
    );
  }
}
