import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDynalite } from '../servers/dynalite.js';
import { hasMariadb, startMariadb } from '../servers/mariadb.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { hasGlide } from '../servers/redis-clients.js';
import { startUpstash } from '../servers/upstash.js';

/** A place for records that several processes share: a server or a folder. */
export interface Backend {
  /** Its address, or its path. */
  readonly at: string;
  /** Of a server. */
  kill?(): Promise<void>;
  start?(): Promise<void>;
  stop(): Promise<void>;
}

/** A kind of store that several processes can share. */
export interface SharedStore {
  /** Its name in `open-store.mjs`, which opens it. */
  readonly kind: string;
  /** The tool that must be installed. */
  readonly tool: string;
  readonly isThere: boolean;
  readonly isServer: boolean;
  /** Whether an earlier line tests the same store with another client. */
  readonly isOtherClient?: boolean;
  readonly start: () => Promise<Backend>;
}

const server =
  <S extends { readonly url: string; stop(): Promise<void> }>(start: () => Promise<S>) =>
  async (): Promise<Backend> => {
    const started = await start();
    return { at: started.url, ...started };
  };

const redis = {
  tool: 'redis-server',
  isThere: hasRedis,
  isServer: true,
  start: server(() => startRedis()),
};
const postgres = {
  tool: 'PostgreSQL',
  isThere: hasPostgres,
  isServer: true,
  start: server(() => startPostgres()),
};

const mysql = {
  tool: 'MariaDB',
  isThere: hasMariadb,
  isServer: true,
  start: server(() => startMariadb()),
};

const dynamodb = {
  tool: 'dynalite',
  isThere: true,
  isServer: true,
  start: server(() => startDynalite('samekey_records')),
};

async function folder(): Promise<Backend> {
  const at = mkdtempSync(join(tmpdir(), 'samekey-store-'));
  return { at, stop: async () => rmSync(at, { recursive: true, force: true }) };
}

/** Every store that several processes can share. A new store is one line. */
export const SHARED_STORES: readonly SharedStore[] = [
  { kind: 'redis', ...redis },
  { kind: 'ioredis', ...redis, isOtherClient: true },
  { kind: 'glide', ...redis, isThere: hasRedis && hasGlide, isOtherClient: true },
  { kind: 'upstash', ...redis, start: server(() => startUpstash()), isOtherClient: true },
  { kind: 'postgres', ...postgres },
  { kind: 'mysql', ...mysql },
  { kind: 'dynamodb', ...dynamodb },
  { kind: 'lmdb', tool: 'lmdb', isThere: true, isServer: false, start: folder },
  { kind: 'sqlite', tool: 'libsql', isThere: true, isServer: false, start: folder },
];
