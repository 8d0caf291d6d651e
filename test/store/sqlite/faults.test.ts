import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@libsql/client';
import Database from 'libsql';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { sqliteStore } from '../../../src/store/sqlite.js';
import type { Store } from '../../../src/store/store.js';
import { expectRejected, expectThrown } from '../../errors/thrown.js';
import { request } from '../requests.js';

const folder = mkdtempSync(join(tmpdir(), 'samekey-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
});

const HOUR_MS = 60 * 60 * 1000;
const CLAIM = request('owner', { leaseMs: HOUR_MS, ttlMs: HOUR_MS });
const complete = (store: Store, key: string, payload = new Uint8Array([1])) =>
  store.complete(key, 'owner', { state: 'done', codec: 'c', payload, ttlMs: HOUR_MS });
const stateOf = async (store: Store, key: string) => (await store.read(key)).record?.state;

let fileCount = 0;
const newFile = () => join(folder, `${fileCount++}.db`);
/** A connection that fails at once when another one holds the lock. */
function connect(file = newFile()) {
  const database = new Database(file, { timeout: 0 });
  // These tests do not need the disk.
  database.pragma('synchronous = OFF');
  return database;
}

describe('a SQLite store that cannot write says why', () => {
  it('where the database is read-only, and reads on', async () => {
    const file = newFile();
    const store = sqliteStore({ database: connect(file) });
    await store.claim('key', CLAIM);
    const connection = connect(file);
    connection.pragma('query_only = ON');
    const reader = sqliteStore({ database: connection });
    expect(await stateOf(reader, 'key')).toBe('running');
    const message = /^Cannot use the SQLite store: it is read-only .*, wanted a file/;
    await expectRejected(reader.claim('other', CLAIM), Error, { code: 'SAMEKEY_STORE', message });
    await expectRejected(complete(reader, 'key'), Error, { code: 'SAMEKEY_STORE', message });
    expect((await reader.claim('key', { ...CLAIM, owner: 'other' })).claimed).toBe(false);
  });

  it('where it is full, loses nothing, and writes again when there is space', async () => {
    const database = connect();
    const store = sqliteStore({ database });
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => store.claim(key, CLAIM)));
    database.pragma('max_page_count = 60');
    // In one transaction, of which one result does not fit.
    const ends = await Promise.allSettled(
      keys.map((key, index) => complete(store, key, new Uint8Array(index === 7 ? 400_000 : 1000))),
    );
    const failed = ends.filter(({ status }) => status === 'rejected');
    expect(failed).toHaveLength(1);
    await expectRejected(Promise.reject((failed[0] as PromiseRejectedResult).reason), Error, {
      code: 'SAMEKEY_STORE',
      message: /the disk or the database is full/,
    });
    for (const [index, key] of keys.entries()) {
      expect(await stateOf(store, key)).toBe(index === 7 ? 'running' : 'done');
    }
    database.pragma('max_page_count = 1000');
    expect(await complete(store, 'key-7', new Uint8Array(400_000).fill(7))).toBe(true);
    const { payload } = (await store.read('key-7')).record ?? {};
    expect(payload?.length === 400_000 && payload.every((byte) => byte === 7)).toBe(true);
  });

  it('while another connection holds the lock, and waits for it without blocking', async () => {
    const file = newFile();
    const other = connect(file);
    const stores = [sqliteStore({ database: connect(file) })];
    await stores[0]?.claim('key', CLAIM);
    const client = createClient({ url: `file:${file}` });
    stores.push(sqliteStore({ database: client }));
    for (const [index, store] of stores.entries()) {
      const waiting = { ...CLAIM, owner: `waiting ${index}` };
      other.exec('BEGIN IMMEDIATE');
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      const late = store.claim(`late-${index}`, waiting).catch((error: Error) => error);
      for (let steps = 0; steps < 300; steps++) {
        await new Promise((resolve) => setImmediate(resolve));
        await vi.advanceTimersByTimeAsync(50);
      }
      const error = await late;
      await expectRejected(Promise.reject(error), Error, {
        code: 'SAMEKEY_STORE',
        message: /another process or connection holds its lock/,
      });
      vi.useRealTimers();
      const soon = store.claim(`soon-${index}`, waiting);
      const together = store.claim(`together-${index}`, waiting);
      await new Promise((resolve) => setTimeout(resolve, 20));
      other.exec('COMMIT');
      expect((await soon).claimed).toBe(true);
      expect((await together).claimed).toBe(true);
      expect((await store.claim(`late-${index}`, waiting)).claimed).toBe(true);
    }
    client.close();
  });

  it('in a transaction of the program, in which no other process sees a claim', async () => {
    const database = connect();
    const store = sqliteStore({ database });
    await store.claim('before', CLAIM);
    database.exec('BEGIN');
    const message = /the connection is in a transaction of the program, wanted a connection of its/;
    await expectRejected(store.claim('key', CLAIM), Error, { code: 'SAMEKEY_STORE', message });
    const two = [complete(store, 'before'), store.claim('key', CLAIM)];
    for (const each of two) await expectRejected(each, Error, { code: 'SAMEKEY_STORE', message });
    database.exec('ROLLBACK');
    expect(await stateOf(store, 'before')).toBe('running');
    expect((await store.claim('key', CLAIM)).claimed).toBe(true);
  });
});

describe('a SQLite store leaves what is not its own', () => {
  const OTHERS = {
    'a table of another program': 'CREATE TABLE samekey_records (id INTEGER PRIMARY KEY, name)',
    'a table of another version': 'CREATE TABLE samekey_records (key TEXT PRIMARY KEY, state TEXT)',
    'a table whose key can be NULL': `CREATE TABLE samekey_records (
      key TEXT PRIMARY KEY, state, owner, fencing_token, attempt, fingerprint, claimed_at_ms,
      lease_ends_at_ms, expires_at_ms, finished_at_ms, codec, former, payload)`,
    'a view': "CREATE VIEW Samekey_Records AS SELECT 'key' AS key",
  };
  for (const [name, sql] of Object.entries(OTHERS)) {
    it(name, async () => {
      const file = newFile();
      const database = connect(file);
      database.exec(sql);
      const client = createClient({ url: `file:${file}` });
      for (const store of [sqliteStore({ database }), sqliteStore({ database: client })]) {
        const message =
          /^Cannot use the table samekey_records: it is a (?:table of another|view).*, wanted/;
        const expected = { code: 'SAMEKEY_BAD_STATE', message } as const;
        await expectRejected(store.claim('key', CLAIM), ReferenceError, expected);
        await expectRejected(store.read('key'), ReferenceError, expected);
      }
      const named = sqliteStore({ database, table: 'other_records' });
      expect((await named.claim('key', CLAIM)).claimed).toBe(true);
      client.close();
    });
  }

  it('a file that is no database', async () => {
    const file = newFile();
    writeFileSync(file, 'text '.repeat(1000));
    const store = sqliteStore({ database: new Database(file) });
    const message =
      /the file is not a database of SQLite .*, wanted one that SQLite wrote, or none/;
    await expectRejected(store.claim('key', CLAIM), Error, { code: 'SAMEKEY_STORE', message });
  });

  it('its table, as it made it, with an index of the program', async () => {
    const database = connect();
    const store = sqliteStore({ database });
    database.exec(store.schema);
    database.exec('CREATE INDEX by_owner ON samekey_records (owner)');
    expect((await store.claim('key', CLAIM)).claimed).toBe(true);
    database.exec('DROP TABLE samekey_records');
    const message = /the table samekey_records: it is not there any more, wanted/;
    await expectRejected(store.read('key'), ReferenceError, { code: 'SAMEKEY_NO_TABLE', message });
  });
});

describe('a SQLite store and its connection', () => {
  it('fails when either is closed, and closes no connection of the program', async () => {
    const database = connect();
    const [store, other] = [sqliteStore({ database }), sqliteStore({ database })];
    await store.claim('key', CLAIM);
    await store.close();
    await store.close();
    for (const late of [store.read('key'), store.claim('key', CLAIM), store.evict('key')]) {
      await expectRejected(late, Error, { code: 'SAMEKEY_CLOSED' });
    }
    expect(await stateOf(other, 'key')).toBe('running');
    database.close();
    const message = /^Cannot use the SQLite store: .*not open/;
    for (const late of [other.read('key'), other.claim('new', CLAIM), complete(other, 'key')]) {
      await expectRejected(late, Error, { code: 'SAMEKEY_STORE', message });
    }
  });

  it('says what a server answers, and shows no token', async () => {
    const server = createServer((_, response) => response.writeHead(401).end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const store = sqliteStore({
      database: createClient({ url: `http://127.0.0.1:${port}`, authToken: 'secret' }),
    });
    const refused = await store.claim('key', CLAIM).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'SAMEKEY_STORE', message: expect.stringMatching(/401/) });
    await new Promise((resolve) => server.close(resolve));
    const lost = await store.claim('key', CLAIM).catch((error: Error) => error);
    expect(lost).toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/ECONNREFUSED|connect/),
    });
    expect(`${refused} ${lost}`).not.toContain('secret');
  });

  it('is refused unless it is a known one', () => {
    const message = /wanted a database of node:sqlite, bun:sqlite, better-sqlite3/;
    for (const database of [{}, [], { batch() {} }, { prepare() {} }, new Map()]) {
      const make = () => sqliteStore({ database: database as never });
      expectThrown(make, TypeError, { code: 'SAMEKEY_BAD_CLIENT', message });
    }
    for (const options of [{}, { path: 'a', database: connect() }, { path: '' }, { path: 1 }]) {
      const make = () => sqliteStore(options as never);
      expectThrown(make, TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
    for (const table of ['', '1a', 'a.b', 'a"b', 'sqlite_x', 'a b']) {
      const make = () => sqliteStore({ database: connect(), table });
      expectThrown(make, SyntaxError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    }
  });

  it.skipIf(process.getBuiltinModule('node:sqlite') !== undefined)(
    'is asked for where the runtime has no SQLite',
    () => {
      const make = () => sqliteStore({ path: newFile() });
      const message = /this runtime has no SQLite of its own, wanted Node\.js 22\.13 or newer, Bun/;
      expectThrown(make, Error, { code: 'SAMEKEY_STORE', message });
    },
  );
});

describe('the rows of a SQLite store', () => {
  it('keep keys and texts that SQLite would cut or change', async () => {
    const store = sqliteStore({ database: connect() });
    const keys = ['a', 'a\u0000', 'a\u0000b', '\ud800', '\udc00', '"a"', ' '];
    for (const key of keys) {
      const owner = `owner of ${key}`;
      const granted = await store.claim(key, { ...CLAIM, owner, fingerprint: key });
      expect(granted.claimed, JSON.stringify(key)).toBe(true);
      expect(granted.record).toMatchObject({ owner, fingerprint: key });
    }
    const listed: string[] = [];
    for await (const { key } of store.list?.() ?? []) listed.push(key);
    expect(listed.sort()).toEqual([...keys].sort());
  });

  it('are deleted an hour after they expired, a few with every claim', async () => {
    const database = connect();
    const store = sqliteStore({ database });
    const keys = Array.from({ length: 600 }, (_, index) => `old-${index}`);
    await Promise.all(keys.map((key) => store.claim(key, CLAIM)));
    await Promise.all(keys.slice(0, 300).map((key) => store.release(key, 'owner')));
    const countOf = () =>
      (database.prepare('SELECT count(*) AS n FROM samekey_records').get() as { n: number }).n;
    expect(countOf()).toBe(600);
    database.exec(
      `UPDATE samekey_records SET expires_at_ms = expires_at_ms - 3 * ${HOUR_MS}, lease_ends_at_ms = 0`,
    );
    expect(await stateOf(store, 'old-599')).toBe(undefined);
    for (let index = 0; index < 400; index++) await store.claim(`new-${index}`, CLAIM);
    await expect.poll(countOf).toBe(400);
  });
});
