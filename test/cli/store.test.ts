import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schemaOf as mysqlSchema } from '../../src/store/mysql.js';
import { schemaOf as postgresSchema } from '../../src/store/postgres.js';
import { schemaOf as sqliteSchema } from '../../src/store/sqlite.js';
import { describeWith, freePort } from '../servers/process.js';
import { request } from '../store/requests.js';
import { expectFailure, folder, PROGRAM, samekey } from './program.js';
import { AWS_QUIET, CLI_STORES, type CliStore } from './stores.js';

const DONE = 'ik_ba7816bf8f01cfea414140de5dae2223';
const BINARY = 'ik_00000000000000000000000000000001';
const RUNNING = 'ik_00000000000000000000000000000002';
const CRASHED = 'ik_00000000000000000000000000000003';
const NONE = 'ik_00000000000000000000000000000004';

for (const { name, isThere, tool, open } of CLI_STORES) {
  describeWith(tool, isThere, `samekey store on ${name}`, () => {
    let place: CliStore;
    const run = (...args: string[]) =>
      samekey(['store', ...args, ...place.address], { env: place.env });

    beforeAll(async () => {
      place = await open();
      for (const [key, leaseMs] of [
        [DONE, 60_000],
        [BINARY, 60_000],
        [RUNNING, 3_600_000],
        [CRASHED, 1],
      ] as const) {
        const own = { leaseMs, ttlMs: 3_600_000, fingerprint: 'f' };
        await place.store.claim(key, request(key, own));
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

it.each([
  [[], postgresSchema(), /^--table is "a;b", wanted letters/],
  [['--dialect', 'postgres'], postgresSchema(), /^--table is "a;b", wanted letters/],
  [['--dialect', 'mysql'], mysqlSchema(), /^--table is "a;b", wanted letters/],
  [['--dialect', 'sqlite'], sqliteSchema(), /^--table is "a;b", wanted letters/],
])('prints the SQL of the table of a store: %j', async (args, sql, message) => {
  expect(await samekey(['store', 'sql', ...args])).toEqual({ code: 0, stdout: sql, stderr: '' });
  expectFailure(await samekey(['store', 'sql', ...args, '--table', 'a;b']), 2, message);
});

it.each([
  [[], 2, 'wanted a command: ls, show, evict or sql; see samekey help store'],
  [['ls'], 2, /^Cannot open the store: --store is missing, wanted redis:/],
  [
    ['ls', '--store', 'mongo://me:secret@there/db'],
    2,
    /^Cannot open the store "mongo:\/\/there\/db": wanted redis:/,
  ],
  [
    ['ls', '--store', 'redis:app:s3cretsecret@db:6379'],
    2,
    /^Cannot open the store "db:6379": wanted redis:/,
  ],
  [
    ['ls', '--store', 'lmdb:/no/such/folder'],
    3,
    /^lmdb:\/no\/such\/folder: cannot be read \(ENOENT\): there is no store, wanted one that/,
  ],
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
    ['ls', '--store', 'sqlite:/no/such/file.db'],
    3,
    /^sqlite:\/no\/such\/file\.db: cannot be read \(ENOENT\): there is no store/,
  ],
  [
    ['ls', '--store', `sqlite:${import.meta.filename}`],
    3,
    /^sqlite:.*: cannot be opened \(.*is not a database/,
  ],
  [
    ['ls', '--store', 'upstash:https://me:secret@127.0.0.1:1'],
    2,
    'Cannot open the store "upstash:https://127.0.0.1:1": the variable UPSTASH_REDIS_REST_TOKEN is not set, wanted its token',
  ],
  [['ls', '--store', 'upstash:there'], 2, /^Cannot open the store .*wanted redis:/],
  [['ls', '--store', 'dynamodb:'], 2, /^Cannot open the store "dynamodb:": it names no table/],
  [
    ['ls', '--store', 'postgres://127.0.0.1:1/db', '--prefix', 'p:'],
    2,
    'Cannot use --prefix with postgres: it is for Redis and Upstash, wanted no --prefix',
  ],
  [
    ['evict', 'k', '--store', 'rediss://127.0.0.1:1', '--table', 'calls'],
    2,
    'Cannot use --table with rediss: it is for PostgreSQL, MySQL and SQLite, wanted no --table',
  ],
  [
    ['ls', '--store', 'dynamodb:records', '--table', 'calls'],
    2,
    'Cannot use --table with dynamodb: it is for PostgreSQL, MySQL and SQLite, wanted the table in the address, dynamodb:TABLE',
  ],
  [['sql', '--dialect', 'oracle'], 2, /'oracle' is invalid.*postgres, mysql, sqlite/],
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

it.each([
  [
    'Upstash',
    (port: number) => `upstash:http://127.0.0.1:${port}`,
    { UPSTASH_REDIS_REST_TOKEN: 'secret' },
    /^upstash:http:\/\/127\.0\.0\.1:\d+: cannot be opened \(.*ECONNREFUSED/,
  ],
  [
    'DynamoDB',
    () => 'dynamodb:calls',
    { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' },
    /^dynamodb:calls: cannot be opened \(.*ECONNREFUSED/,
  ],
  [
    'DynamoDB without a region',
    () => 'dynamodb:calls',
    { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' },
    /^dynamodb:calls: cannot be opened \(Region is missing/,
  ],
] as const)('names a server that is down, and no secret: %s', async (_, address, env, message) => {
  const port = await freePort();
  const run = await samekey(['store', 'ls', '--store', address(port)], {
    env: { ...AWS_QUIET, ...env, AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${port}` },
  });
  expectFailure(run, 3, message);
  expect(run.stderr).not.toContain('secret');
});

describe('a place without a store', () => {
  const { path, write } = folder();
  const READING = [
    ['store', 'ls'],
    ['store', 'show', DONE],
    ['store', 'evict', DONE],
    ['batch', 'status'],
    ['dashboard', '--port', '0'],
  ];
  const dataIn = (file: string) => readFileSync(file).toString('base64');

  it.each(READING)(
    'stays as it is: a file of SQLite without the table, after %s %s',
    async (...args) => {
      const file = join(path, `${args.join('-')}.db`);
      const database = new Database(file);
      database.exec('CREATE TABLE users (name TEXT)');
      database.close();
      const before = dataIn(file);
      const run = await samekey([...args, '--store', `sqlite:${file}`]);
      const wanted =
        'wanted one that samekey batch plan or samekey proxy has made, or another --table';
      expectFailure(
        run,
        3,
        `sqlite:${file}: cannot be read: there is no table samekey_records, ${wanted}`,
      );
      expect(dataIn(file)).toBe(before);
      const other = await samekey([...args, '--store', `sqlite:${file}`, '--table', 'users']);
      expectFailure(other, 3, /^sqlite:.*: cannot be opened \(Cannot use the table users/);
      expect(dataIn(file)).toBe(before);
    },
  );

  it.each(READING)(
    'stays as it is: a folder without a database of LMDB, after %s %s',
    async (...args) => {
      const empty = join(path, args.join('-'));
      mkdirSync(empty);
      const run = await samekey([...args, '--store', `lmdb:${empty}`]);
      expectFailure(
        run,
        3,
        /^lmdb:.*: cannot be read \(ENOENT\): there is no store, wanted one that/,
      );
      expect(readdirSync(empty)).toEqual([]);
    },
  );

  it('is an empty file', async () => {
    const file = write('empty.db', '');
    const run = await samekey(['store', 'ls', '--store', `sqlite:${file}`]);
    expectFailure(run, 3, /there is no table samekey_records/);
    expect(dataIn(file)).toBe('');
  });
});

it('keeps the mode of a file of SQLite that it only reads', async () => {
  const { path } = folder();
  const file = join(path, 'app.db');
  const database = new Database(file);
  database.exec(sqliteSchema());
  database.close();
  const before = readFileSync(file).toString('base64');
  const run = await samekey(['store', 'ls', '--store', `sqlite:${file}`]);
  expect(run).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(readFileSync(file).toString('base64')).toBe(before);
});

it('names a missing package', async () => {
  const { write, path } = folder();
  // A copy of the program, in a folder without packages.
  const { cpSync } = await import('node:fs');
  const dist = join(PROGRAM, '../..');
  write('package.json', '{"type":"module","version":"0.0.0"}');
  cpSync(dist, join(path, 'dist'), { recursive: true });
  const program = join(path, 'dist/cli/samekey.js');
  write('data.mdb', 'a database of LMDB');
  for (const [address, names] of [
    ['redis://127.0.0.1:1', 'redis or ioredis'],
    ['postgres://127.0.0.1:1/db', 'pg'],
    ['mysql://127.0.0.1:1/db', 'mysql2'],
    ['upstash:https://127.0.0.1:1', '@upstash/redis'],
    ['dynamodb:calls', '@aws-sdk/client-dynamodb'],
    [`lmdb:${path}`, 'lmdb'],
  ] as const) {
    expectFailure(
      await samekey(['store', 'ls', '--store', address], {
        program,
        env: { UPSTASH_REDIS_REST_TOKEN: 'token' },
      }),
      2,
      `Cannot open the store: the package ${names} is not installed, wanted npm install ${names.split(' ')[0]}`,
    );
  }
});
