import { statSync } from 'node:fs';
import type { Store } from '../store/store.js';
import { CliError, EXIT, usageError } from './exit-codes.js';

/** Where a store is, and what its keys or its table are called there. */
export interface StoreAddress {
  readonly store?: string;
  readonly prefix?: string;
  readonly table?: string;
  /** Whether one that is not there yet is made. */
  readonly isMade?: boolean;
}

/** For a program that runs on, as a server does: what is not there is made, what breaks is mended. */
export interface StoreUse {
  readonly isLasting?: boolean;
}

/** A store that was opened for a command. */
export interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

const WANTED = 'wanted redis://…, rediss://…, postgres://… or lmdb:PATH';
/** How long a server may take to take the connection. */
const CONNECT_MS = 5000;
const RECONNECT_MS = 500;
const POOL_SIZE = 10;

/** Opens the store that `--store` names. */
export async function openStore(
  { store: at, prefix, table, isMade = false }: StoreAddress,
  { isLasting = false }: StoreUse = {},
): Promise<OpenedStore> {
  if (at === undefined) throw usageError(`Cannot open the store: --store is missing, ${WANTED}`);
  if (at.startsWith('lmdb:')) return openLmdb(at.slice('lmdb:'.length), isLasting || isMade);
  // What one command alone could see has nothing in it.
  if (isLasting && at === 'memory:') return openMemory();
  if (/^rediss?:\/\//.test(at)) return openRedis(at, prefix, isLasting);
  if (/^postgres(?:ql)?:\/\//.test(at)) return openPostgres(at, table, isLasting);
  throw usageError(`Cannot open the store ${JSON.stringify(withoutPassword(at))}: ${WANTED}`);
}

/** For messages: those end up in logs. */
function withoutPassword(at: string): string {
  // To the last @: one in a password should have been written %40, but was not.
  return at.replace(/:\/\/.*@/, '://');
}

/** A file of the package beside this program: with what it imports, it is loaded when it is needed. */
function entry<T>(name: string): Promise<T> {
  return import(new URL(`../store/${name}.js`, import.meta.url).href);
}

/** The first of these packages that is there. */
async function client<T>(...names: readonly string[]): Promise<{ name: string; module: T }> {
  for (const name of names) {
    try {
      return { name, module: await import(name) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
  }
  throw usageError(
    `Cannot open the store: the package ${names.join(' or ')} is not installed, wanted npm install ${names[0]}`,
  );
}

async function openMemory(): Promise<OpenedStore> {
  const { memoryStore } = await entry<typeof import('../store/memory.js')>('memory');
  const store = memoryStore();
  return { store, close: () => store.close() };
}

async function openLmdb(path: string, isMade: boolean): Promise<OpenedStore> {
  const found = statSync(path, { throwIfNoEntry: false });
  // It would be made.
  if (!isMade && found === undefined) {
    throw new CliError(EXIT.unreadable, `lmdb:${path}: cannot be read (ENOENT)`);
  }
  // LMDB itself would end the process.
  if (found?.isDirectory() === false) {
    throw new CliError(EXIT.unreadable, `lmdb:${path}: it is no folder, wanted that of a store`);
  }
  await client('lmdb');
  const { lmdbStore } = await entry<typeof import('../store/lmdb.js')>('lmdb');
  const store = await connecting(`lmdb:${path}`, async () => lmdbStore({ path }));
  return { store, close: () => store.close() };
}

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
  at: string,
  prefix: string | undefined,
  isMended: boolean,
): Promise<OpenedStore> {
  const { name, module } = await client<NodeRedis & IoRedis>('redis', 'ioredis');
  let wasOpen = false;
  const create = async () =>
    name === 'redis'
      ? module.createClient({
          url: at,
          socket: {
            connectTimeout: CONNECT_MS,
            // The first connection must come about all the same, see below.
            reconnectStrategy: () => (isMended && wasOpen ? RECONNECT_MS : false),
          },
        })
      : new module.Redis(at, {
          lazyConnect: true,
          retryStrategy: () => (isMended && wasOpen ? RECONNECT_MS : null),
          connectTimeout: CONNECT_MS,
        });
  const connection = await connecting(at, create);
  // What goes wrong is told by the call that it goes wrong in.
  connection.on('error', () => {});
  await connecting(at, () => connection.connect());
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
  at: string,
  table: string | undefined,
  isLasting: boolean,
): Promise<OpenedStore> {
  const { module } = await client<Pg>('pg');
  const pool = new module.default.Pool({
    connectionString: at,
    // One of them listens.
    max: isLasting ? POOL_SIZE : 1,
    connectionTimeoutMillis: CONNECT_MS,
  });
  pool.on('error', () => {});
  const { postgresStore } = await entry<typeof import('../store/postgres.js')>('postgres');
  const store = postgresStore({ pool, ...(table === undefined ? {} : { table }) });
  await connecting(at, () => (isLasting ? store.migrate() : pool.query('SELECT 1')));
  return {
    store,
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

/** What goes wrong here is about the address, or about who listens there. */
async function connecting<T>(at: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    // Of several addresses tried in turn there is a code only.
    const why = (message || code || String(error)).replaceAll('\n', ' ');
    throw new CliError(EXIT.unreadable, `${withoutPassword(at)}: cannot be opened (${why})`);
  }
}
