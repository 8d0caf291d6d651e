import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { postgresStore } from '../../../src/store/postgres.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { cannotMount, mount, SMALL_BYTES, unmount } from '../../torture/small-disk.js';
import { eventually, type OnPool, onPool, outcome, request, signal, sleep } from './scene.js';

const noDisk = cannotMount();
if (noDisk !== undefined) console.warn(`did not run: PostgreSQL on a full disk: ${noDisk}`);

describeWith('PostgreSQL', hasPostgres, 'the PostgreSQL store when the server refuses', () => {
  let server: PostgresServer;
  let admin: pg.Pool;
  const opened: OnPool[] = [];
  const open = (
    config: pg.PoolConfig,
    settings: Parameters<typeof onPool>[2] = {},
    table?: string,
  ) => {
    const options = table === undefined ? {} : { table };
    const one = onPool({ connectionString: server.url, max: 5, ...config }, options, settings);
    opened.push(one);
    return one;
  };
  const address = ({ url } = server) => url.split('@')[1];
  /** Runs `act` while no other connection can use the table. */
  const withTableLocked = async (act: () => Promise<void>) => {
    const client = await admin.connect();
    await client.query('BEGIN; LOCK TABLE samekey_records IN ACCESS EXCLUSIVE MODE');
    await act();
    await client.query('COMMIT');
    client.release();
  };
  beforeAll(async () => {
    server = await startPostgres();
    admin = new pg.Pool({ connectionString: server.url, max: 3 });
    admin.on('error', () => {});
    await postgresStore({ pool: admin }).migrate();
  });
  afterEach(async () => {
    for (const { end } of opened.splice(0)) await end();
  });
  afterAll(async () => {
    await admin?.end();
    await server?.stop();
  });

  it('because a statement takes too long', async () => {
    const { once, pool } = open({ statement_timeout: 300 });
    const key = randomKey();
    await withTableLocked(async () => {
      await expect(once(key, () => 1)).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        message: `Cannot claim ${key}: the store postgres at ${address()} failed: canceling statement due to statement timeout (SAMEKEY_STORE)`,
        cause: { code: '57014' },
      });
    });
    expect(await once(key, () => 1)).toBe(1);
    expect(pool.waitingCount).toBe(0);
  });

  it.each([
    ['an unknown user', 'nobody', /role "nobody" does not exist/],
    ['a user that may only read', 'reader', /permission denied for table samekey_records/],
  ])('because of %s, at once, and shows no password', async (_, user, reason) => {
    if (user === 'reader') {
      await admin.query("CREATE ROLE reader LOGIN PASSWORD 'hunter2'");
      await admin.query('GRANT SELECT ON samekey_records TO reader');
    }
    const url = new URL(server.url);
    url.username = user;
    url.password = 'hunter2';
    const { once } = open({ connectionString: url.href });
    const error = await once(randomKey(), () => expect.fail('it ran')).catch((error) => error);
    expect(error).toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(reason),
    });
    expect(error.message).toContain(`the store postgres at ${address()} failed: `);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
  });

  it('a table of another program, which stays as it is', async () => {
    await admin.query('CREATE TABLE theirs (key text PRIMARY KEY, name text)');
    await admin.query("INSERT INTO theirs VALUES ('k', 'n')");
    const store = postgresStore({ pool: admin, table: 'theirs' });
    const once = createOnce({ store, cache: false });
    await expect(once('k', () => expect.fail('it ran'))).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringMatching(/column .* does not exist/),
      cause: expect.objectContaining({
        code: 'SAMEKEY_BAD_STATE',
        message: expect.stringMatching(/^Cannot use the table theirs: its columns are not those/),
      }),
    });
    const { rows } = await admin.query('SELECT * FROM theirs');
    expect(rows).toEqual([{ key: 'k', name: 'n' }]);
    await once.close();
  });

  it.skipIf(noDisk !== undefined && !process.env.CI)(
    'because its disk is full, until there is room again',
    async () => {
      expect(noDisk).toBeUndefined();
      const disk = mkdtempSync(join(tmpdir(), 'samekey-postgres-disk-'));
      const filler = join(disk, 'filler');
      const { once, store, pool, storeErrors } = open({}, { leaseMs: 1000 }, 'on_small_disk');
      mount(disk);
      try {
        spawnSync('chown', ['postgres', disk]);
        await store.migrate();
        await admin.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
        await admin.query('ALTER TABLE on_small_disk SET TABLESPACE small');
        // Random, because PostgreSQL compresses.
        const result = randomBytes(2 ** 21).toString('base64');
        expect(await once('before', () => 1)).toBe(1);
        writeFileSync(filler, new Uint8Array(SMALL_BYTES - 2 ** 20));
        expect(await once('full', () => result)).toBe(result);
        expect(storeErrors()).toContainEqual(
          expect.objectContaining({
            action: 'complete',
            error: expect.objectContaining({ code: '53100' }),
          }),
        );
        // Results are there, and keys that are small still run once.
        expect(await once('before', () => 2)).toBe(1);
        rmSync(filler);
        expect(await once('full-again', () => result)).toBe(result);
        expect(await once('full-again', () => 'a second run')).toBe(result);
      } finally {
        await admin.query('DROP TABLE on_small_disk');
        await admin.query('DROP TABLESPACE small');
        unmount(disk);
        rmSync(disk, { recursive: true });
      }
      expect(pool.waitingCount).toBe(0);
    },
  );

  it('because its connection is ended in the middle of a claim', async () => {
    const { once } = open({ application_name: 'ended' });
    const key = randomKey();
    await withTableLocked(async () => {
      const call = once(key, () => 1);
      const claim = expect(call).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        cause: { code: '57P01' },
      });
      await eventually(async () => {
        const { rowCount } = await admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'ended' AND wait_event_type = 'Lock'`,
        );
        return rowCount;
      }).toBe(1);
      await claim;
    });
    expect(await once(key, () => 1)).toBe(1);
  });

  it.each(['table', 'row'])(
    'and a claim that its client gave up is given back: behind a lock on the %s',
    async (what) => {
      const { once } = open({ query_timeout: 300 }, { leaseMs: 60_000, storeTimeoutMs: 2000 });
      const key = randomKey();
      const store = postgresStore({ pool: admin });
      await store.claim(key, request('before'));
      await store.complete(key, 'before', outcome);
      const client = await admin.connect();
      await client.query('BEGIN');
      if (what === 'table') await client.query('LOCK TABLE samekey_records');
      else await client.query('SELECT FROM samekey_records WHERE key = $1 FOR UPDATE', [key]);
      await expect(once(key, () => 1, { fresh: true })).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        message: `Cannot claim ${key}: the store postgres at ${address()} failed: Query read timeout (SAMEKEY_STORE)`,
      });
      await sleep(1000);
      await client.query('COMMIT');
      client.release();
      // The server continues a statement whose client has given up, so the claim takes effect late.
      await sleep(100);
      await eventually(async () => (await store.read(key)).record?.state).toBe('done');
      expect(await once(key, () => 2, { fresh: true })).toBe(2);
    },
  );

  it('to keep connections that do nothing', async () => {
    const [owner, waiter] = [open({}), open({ options: '-c idle_session_timeout=500ms' })];
    const key = randomKey();
    const { given, give } = signal();
    const first = owner.once(key, async () => {
      await given;
      return 'first';
    });
    await eventually(async () => (await owner.store.read(key)).record?.state).toBe('running');
    const duplicate = waiter.once(key, () => 'second');
    await sleep(2000);
    give();
    expect(await Promise.all([first, duplicate])).toEqual(['first', 'first']);
    expect(waiter.storeErrors()).toEqual([]);
  });

  it('because it is a standby, until that is promoted', async () => {
    const { once: onPrimary, store: primary } = open({});
    await primary.claim('on both', request('a'));
    await primary.complete('on both', 'a', outcome);
    await primary.claim('running', request('a'));
    const standby = await startPostgres(server);
    const own = onPool({ connectionString: standby.url, max: 1 });
    try {
      const { once, store, pool } = own;
      const pidOf = async () => (await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
      await eventually(async () => (await store.read('running')).record?.state).toBe('running');
      expect((await store.read('on both')).record?.state).toBe('done');
      const key = randomKey();
      await expect(once(key, () => 1)).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        message: `Cannot claim ${key}: the store postgres at ${address(standby)} failed: Cannot write to the table samekey_records: the server is read-only, as a standby is, wanted the primary (SAMEKEY_STORE)`,
        cause: { code: '25006' },
      });
      // A standby cannot LISTEN, but it can be polled.
      let told = 0;
      await store.watch?.('running', () => {
        told++;
      });
      await sleep(500);
      expect(told).toBe(0);
      await primary.complete('running', 'a', outcome);
      await eventually(() => told).toBe(1);
      // The pool drops the refused connection, so that it finds the new primary.
      const before = await pidOf();
      await expect(store.renew('running', 'a', 1)).rejects.toMatchObject({ code: '25006' });
      expect(await pidOf()).not.toBe(before);
      const { rows } = await pool.query('SELECT pg_promote()');
      expect(rows).toEqual([{ pg_promote: true }]);
      expect(await once(key, () => 1)).toBe(1);
      expect((await store.read('running')).record?.state).toBe('done');
    } finally {
      await own.end();
      await standby.stop();
      await onPrimary.close();
    }
  });
});
