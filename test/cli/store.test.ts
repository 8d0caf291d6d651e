import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lmdbStore } from '../../src/store/lmdb.js';
import { mysqlStore } from '../../src/store/mysql.js';
import { postgresStore, schemaOf } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import type { Store } from '../../src/store/store.js';
import { hasMariadb, startMariadb } from '../servers/mariadb.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { describeWith } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { expectFailure, folder, PROGRAM, samekey } from './program.js';

const DONE = 'ik_ba7816bf8f01cfea414140de5dae2223';
const BINARY = 'ik_00000000000000000000000000000001';
const RUNNING = 'ik_00000000000000000000000000000002';
const CRASHED = 'ik_00000000000000000000000000000003';
const NONE = 'ik_00000000000000000000000000000004';

interface TestStore {
  readonly address: readonly string[];
  readonly store: Store;
  end(): Promise<void>;
}

const STORES: Record<string, [boolean, string, () => Promise<TestStore>]> = {
  Redis: [
    hasRedis,
    'redis-server',
    async () => {
      const server = await startRedis();
      const client = new Redis(server.url);
      const store = redisStore({ client, prefix: 'p:' });
      const end = async () => {
        client.disconnect();
        await server.stop();
      };
      return { address: ['--store', server.url, '--prefix', 'p:'], store, end };
    },
  ],
  PostgreSQL: [
    hasPostgres,
    'PostgreSQL',
    async () => {
      const server = await startPostgres();
      const pool = new pg.Pool({ connectionString: server.url });
      pool.on('error', () => {});
      // Creates the table as the documentation says.
      await pool.query((await samekey(['store', 'sql', '--table', 'calls'])).stdout);
      const store = postgresStore({ pool, table: 'calls' });
      const end = async () => {
        await pool.end();
        await server.stop();
      };
      return { address: ['--store', server.url, '--table', 'calls'], store, end };
    },
  ],
  MySQL: [
    hasMariadb,
    'MariaDB',
    async () => {
      const server = await startMariadb();
      const pool = createPool(server.url);
      const store = mysqlStore({ pool, table: 'calls' });
      await store.migrate();
      const end = async () => {
        await pool.end();
        await server.stop();
      };
      return { address: ['--store', server.url, '--table', 'calls'], store, end };
    },
  ],
  LMDB: [
    true,
    'lmdb',
    async () => {
      const path = mkdtempSync(join(tmpdir(), 'samekey-'));
      const store = lmdbStore({ path });
      const end = async () => {
        await store.close();
        rmSync(path, { recursive: true, force: true });
      };
      return { address: ['--store', `lmdb:${path}`], store, end };
    },
  ],
};

for (const [name, [isThere, tool, open]] of Object.entries(STORES)) {
  describeWith(tool, isThere, `samekey store on ${name}`, () => {
    let place: TestStore;
    const run = (...args: string[]) => samekey(['store', ...args, ...place.address]);

    beforeAll(async () => {
      place = await open();
      const request = { ttlMs: 3_600_000, takeUnknown: false, takeFinished: false };
      for (const [key, leaseMs] of [
        [DONE, 60_000],
        [BINARY, 60_000],
        [RUNNING, 3_600_000],
        [CRASHED, 1],
      ] as const) {
        await place.store.claim(key, { ...request, leaseMs, owner: key, fingerprint: 'f' });
      }
      const done = { state: 'done', codec: 'json', ttlMs: 3_600_000 } as const;
      const payload = new TextEncoder().encode('{"a":"\u001b[31mé"}');
      await place.store.complete(DONE, DONE, { ...done, payload });
      await place.store.complete(BINARY, BINARY, { ...done, payload: Uint8Array.of(0xff, 0) });
    });
    afterAll(() => place?.end());

    it('lists records with their state', async () => {
      const { code, stdout, stderr } = await run('ls');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const [head, ...rows] = stdout.trimEnd().split('\n');
      expect(head).toMatch(/^KEY +STATE +ATTEMPT +AGE +EXPIRES IN +BYTES$/);
      expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3)).sort()).toEqual([
        [BINARY, 'done', '1'],
        [RUNNING, 'running', '1'],
        [CRASHED, 'unknown', '1'],
        [DONE, 'done', '1'],
      ]);
    });

    it('lists records as lines of JSON, at most --limit', async () => {
      const all = (await run('ls', '--json')).stdout.trimEnd().split('\n');
      expect(all.map((line) => JSON.parse(line).key).sort()).toEqual([
        BINARY,
        RUNNING,
        CRASHED,
        DONE,
      ]);
      const one = await run('ls', '--json', '--limit', '1');
      expect(one.stdout.trimEnd().split('\n')).toHaveLength(1);
      expect(one.stderr).toBe('samekey: there are more records, see --limit\n');
    });

    it('shows a record as text and as JSON', async () => {
      const shown = await run('show', DONE);
      expect(shown.code).toBe(0);
      expect(shown.stdout).toMatch(new RegExp(`^key +${DONE}\nstate +done\nowner +${DONE}\n`));
      // A result must not control the terminal.
      expect(shown.stdout).toContain('15 bytes: {"a":"\\u001b[31mé"}\n');
      const json = JSON.parse((await run('show', DONE, '--json')).stdout);
      expect(json).toMatchObject({ key: DONE, state: 'done', payloadBytes: 15, fingerprint: 'f' });
      expect(json.payload).toBe('{"a":"\u001b[31mé"}');
      const binary = JSON.parse((await run('show', BINARY, '--json')).stdout);
      expect(binary).toMatchObject({ payloadBytes: 2, payloadBase64: '/wA=' });
    });

    it('evicts records that are not running', async () => {
      expectFailure(
        await run('evict', RUNNING),
        1,
        `${RUNNING}: it is running, wanted a record that is finished or whose lease has expired`,
      );
      expect(await run('evict', BINARY)).toEqual({
        code: 0,
        stdout: `${BINARY}: evicted\n`,
        stderr: '',
      });
      expectFailure(await run('evict', BINARY), 1, `${BINARY}: no such record`);
      expectFailure(await run('show', NONE), 1, `${NONE}: no such record`);
      expect((await place.store.read(BINARY)).record).toBeUndefined();
      expect((await place.store.read(RUNNING)).record?.state).toBe('running');
    });
  });
}

it('prints the SQL of the table of the PostgreSQL store', async () => {
  const { stdout } = await samekey(['store', 'sql']);
  expect(stdout).toBe(schemaOf());
  expectFailure(
    await samekey(['store', 'sql', '--table', 'a;b']),
    2,
    /^--table is "a;b", wanted letters/,
  );
});

it.each([
  [[], 2, 'wanted a command: ls, show, evict or sql; see samekey help store'],
  [['ls'], 2, /^Cannot open the store: --store is missing, wanted redis:/],
  [
    ['ls', '--store', 'mongo://me:secret@there/db'],
    2,
    /^Cannot open the store "mongo:\/\/there\/db": wanted redis:/,
  ],
  [['ls', '--store', 'lmdb:/no/such/folder'], 3, 'lmdb:/no/such/folder: cannot be read (ENOENT)'],
  [
    ['ls', '--store', 'redis://me:secret@127.0.0.1:1'],
    3,
    /^redis:\/\/127.0.0.1:1: cannot be opened \(.*ECONNREFUSED/,
  ],
  [
    ['ls', '--store', 'redis://:top@secret@127.0.0.1:1'],
    3,
    /^redis:\/\/127.0.0.1:1: cannot be opened \(.*ECONNREFUSED/,
  ],
  [
    ['ls', '--store', 'redis://:top/secret@127.0.0.1:1'],
    3,
    /^redis:\/\/127.0.0.1:1: cannot be opened \(Invalid URL/,
  ],
  [
    ['ls', '--store', `lmdb:${import.meta.filename}`],
    3,
    /^lmdb:.*: it is not a folder, wanted the folder of a store/,
  ],
  [
    ['ls', '--store', 'postgres://me:secret@127.0.0.1:1/db'],
    3,
    /^postgres:\/\/127.0.0.1:1\/db: cannot be opened \(.*ECONNREFUSED/,
  ],
  [
    ['ls', '--store', 'mysql://me:secret@127.0.0.1:1/db'],
    3,
    /^mysql:\/\/127.0.0.1:1\/db: cannot be opened \(.*ECONNREFUSED/,
  ],
  [
    ['ls', '--limit', '0', '--store', 'lmdb:x'],
    2,
    'Cannot list 0 records: wanted a whole number from 1',
  ],
  [['show', '--store', 'lmdb:x'], 2, /^missing required argument 'KEY'/],
] as const)('reports in one line what is wrong with %j', async (args, code, message) => {
  const run = await samekey(['store', ...args]);
  expectFailure(run, code, message);
  expect(run.stderr).not.toContain('secret');
});

it('names a missing package', async () => {
  const { write, path } = folder();
  // A copy of the program, in a folder without packages.
  const { cpSync } = await import('node:fs');
  const dist = join(PROGRAM, '../..');
  write('package.json', '{"type":"module","version":"0.0.0"}');
  cpSync(dist, join(path, 'dist'), { recursive: true });
  const program = join(path, 'dist/cli/samekey.js');
  for (const [address, names] of [
    ['redis://127.0.0.1:1', 'redis or ioredis'],
    ['postgres://127.0.0.1:1/db', 'pg'],
    ['mysql://127.0.0.1:1/db', 'mysql2'],
    [`lmdb:${path}`, 'lmdb'],
  ] as const) {
    expectFailure(
      await samekey(['store', 'ls', '--store', address], { program }),
      2,
      `Cannot open the store: the package ${names} is not installed, wanted npm install ${names.split(' ')[0]}`,
    );
  }
});
