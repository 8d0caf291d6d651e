import { createPool, type Pool, type PoolConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { mysqlStore } from '../../../src/store/mysql.js';
import { hasMariadb, type MariadbServer, startMariadb } from '../../servers/mariadb.js';
import { describeWith, freePort } from '../../servers/process.js';
import { eventually, type OnPool, onPool, outcome, request, signal, sleep } from './scene.js';

describeWith('MariaDB', hasMariadb, 'the MySQL store when the server refuses', () => {
  let server: MariadbServer;
  let admin: Pool;
  const opened: OnPool[] = [];
  const open = (config: object = {}, settings: Parameters<typeof onPool>[2] = {}) => {
    const one = onPool({ uri: server.url, connectionLimit: 5, ...config }, {}, settings);
    opened.push(one);
    return one;
  };
  const bytes = (key: string) => Buffer.from(key);
  /** Runs `act` while another transaction has changed the row of a key. */
  const withRowLocked = async (key: string, act: (holder: PoolConnection) => Promise<void>) => {
    const holder = await admin.getConnection();
    await holder.beginTransaction();
    await holder.execute('UPDATE samekey_records SET attempt = attempt + 1 WHERE `key` = ?', [
      bytes(key),
    ]);
    try {
      await act(holder);
    } finally {
      await holder.rollback();
      holder.release();
    }
  };
  const status = async (name: string) => {
    const [rows] = await admin.query(`SHOW GLOBAL STATUS LIKE '${name}'`);
    return Number((rows as { Value: string }[])[0]?.Value);
  };
  const waitingCount = () => status('Innodb_row_lock_current_waits');
  beforeAll(async () => {
    server = await startMariadb('--innodb-lock-wait-timeout=1', '--max-allowed-packet=1M');
    admin = createPool({ uri: server.adminUrl, connectionLimit: 3 });
    await mysqlStore({ pool: admin }).migrate();
  });
  afterEach(async () => {
    for (const { end } of opened.splice(0)) await end();
  });
  afterAll(async () => {
    await admin?.end();
    await server?.stop();
  });

  it('because it is not there', async () => {
    const port = await freePort();
    const { once } = open({ uri: `mysql://samekey:secret@127.0.0.1:${port}/app` });
    const error = await once(randomKey(), () => 1).catch((error) => error);
    expect(error).toMatchObject({ code: 'SAMEKEY_STORE', cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toMatch(
      /^Cannot claim [\w-]+: the store mysql at \S+ failed: .*ECONNREFUSED/,
    );
    expect(error.message).toContain(`the store mysql at 127.0.0.1:${port}/app failed`);
    expect(`${error.stack} ${error.cause.stack}`).not.toContain('secret');
  });

  it('because the password is wrong, and shows none', async () => {
    const { once } = open({ uri: server.url.replace(':secret', ':hidden') });
    const error = await once(randomKey(), () => 1).catch((error) => error);
    expect(error).toMatchObject({
      code: 'SAMEKEY_STORE',
      cause: { code: 'ER_ACCESS_DENIED_ERROR' },
    });
    expect(error.message).toContain('Access denied for user');
    expect(JSON.stringify([error, error.cause, error.stack, error.cause.stack])).not.toContain(
      'hidden',
    );
  });

  it('because the user may only read, and still replays', async () => {
    await server.admin(
      `CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'secret'`,
      `GRANT SELECT ON app.* TO reader@'127.0.0.1'`,
    );
    const [writer, reader] = [open(), open({ uri: server.url.replace('samekey:', 'reader:') })];
    const key = randomKey();
    expect(await writer.once(key, () => 1)).toBe(1);
    expect(await reader.once(key, () => 2)).toBe(1);
    await expect(reader.once(randomKey(), () => 2)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringContaining('INSERT command denied to user'),
      cause: { code: 'ER_TABLEACCESS_DENIED_ERROR' },
    });
  });

  it('because it is read-only, until it is the primary', async () => {
    const { once, store } = open({ connectionLimit: 1 });
    const done = randomKey();
    expect(await once(done, () => 1)).toBe(1);
    await store.claim('running', request('a'));
    await server.admin('SET GLOBAL read_only = 1');
    try {
      const key = randomKey();
      await expect(once(key, () => 1)).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
        message: `Cannot claim ${key}: the store mysql at 127.0.0.1:${server.port}/app failed: Cannot write to the table samekey_records: the server is read-only, as a replica is, wanted the primary (SAMEKEY_STORE)`,
        cause: { code: 'ER_OPTION_PREVENTS_STATEMENT' },
      });
      expect(await once(done, () => 2)).toBe(1);
      await expect(store.complete('running', 'a', outcome)).rejects.toMatchObject({
        message: expect.stringContaining('is read-only'),
      });
    } finally {
      await server.admin('SET GLOBAL read_only = 0');
    }
    expect(await store.complete('running', 'a', outcome)).toBe(true);
  });

  it('a result that is larger than its packets, before it is sent', async () => {
    const { once, store, pool } = open();
    const key = randomKey();
    const text = 'x'.repeat(1024 * 1024);
    await expect(once(key, () => text)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE_FULL',
      value: text,
    });
    const large = new TextEncoder().encode(text);
    // A process that has claimed nothing asks for the limit.
    const other = randomKey();
    await store.claim(other, request('a'));
    const late = open({}).store;
    await expect(late.complete(other, 'a', { ...outcome, payload: large })).rejects.toMatchObject({
      name: 'RangeError',
      code: 'SAMEKEY_STORE_FULL',
      message: `Cannot store a result in MySQL: it takes 1048576 bytes, wanted less than the server's max_allowed_packet of 1048576 bytes`,
    });
    expect((await store.read(other)).record?.state).toBe('running');
    const fitting = new Uint8Array(1024 * 1024 - 8192).fill(7);
    expect(await store.complete(other, 'a', { ...outcome, payload: fitting })).toBe(true);
    const kept = (await store.read(other)).record?.payload ?? [];
    expect(Buffer.from(kept).equals(fitting)).toBe(true);
    // Every connection is still in use.
    const [rows] = await pool.query('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
  });

  it('because it is full, until there is room again', async () => {
    const { pool } = open();
    const store = mysqlStore({ pool, table: 'filled' });
    await store.migrate();
    // Two bytes for a position: 64 KiB.
    await pool.query('ALTER TABLE filled ENGINE = MyISAM, MAX_ROWS = 10, AVG_ROW_LENGTH = 10');
    const large = { ...outcome, payload: new Uint8Array(50_000).fill(7) };
    for (const key of ['a', 'b']) await store.claim(key, request(key));
    expect(await store.complete('a', 'a', large)).toBe(true);
    await expect(store.complete('b', 'b', large)).rejects.toMatchObject({
      code: 'ER_RECORD_FILE_FULL',
      message: expect.stringMatching(/table 'filled' is full/),
    });
    // Nothing is lost, and what is small still fits.
    expect((await store.read('a')).record?.payload?.length).toBe(50_000);
    expect((await store.read('b')).record?.state).toBe('running');
    expect(await store.evict('a')).toBe(true);
    expect(await store.complete('b', 'b', large)).toBe(true);
    expect((await store.read('b')).record?.payload?.length).toBe(50_000);
  });

  it('to wait any longer for a lock, and gets the statement again', async () => {
    const { store } = open();
    const key = randomKey();
    await store.claim(key, request('a'));
    await withRowLocked(key, async (holder) => {
      const completed = store.complete(key, 'a', outcome);
      // Longer than the server waits.
      await sleep(1500);
      await holder.rollback();
      expect(await completed).toBe(true);
    });
    expect((await store.read(key)).record).toMatchObject({ state: 'done', attempt: 1 });
    await withRowLocked(key, async () => {
      await expect(store.claim(key, request('b'))).rejects.toMatchObject({
        code: 'ER_LOCK_WAIT_TIMEOUT',
      });
    });
    expect((await store.read(key)).record).toMatchObject({ state: 'done', owner: 'a' });
  });

  it('a statement because of a deadlock, and gets it again', async () => {
    const { store } = open();
    const deadlocks = () => status('Innodb_deadlocks');
    const [first, second] = [randomKey(), randomKey()].sort() as [string, string];
    for (const key of [first, second]) await store.claim(key, request('a'));
    const before = await deadlocks();
    // A statement of the store changes one row. Rolled back is the transaction that has changed
    // least, so the other one changes many, and a trigger makes the statement change two rows.
    await admin.query('CREATE TABLE side (id INT PRIMARY KEY, n INT) ENGINE = InnoDB');
    await admin.query('INSERT INTO side SELECT seq, 0 FROM seq_1_to_100');
    await admin.query(
      'CREATE TRIGGER aside AFTER UPDATE ON samekey_records FOR EACH ROW UPDATE side SET n = n + 1 WHERE id = 1',
    );
    const holder = await admin.getConnection();
    try {
      await holder.beginTransaction();
      await holder.query('UPDATE side SET n = n + 1');
      const completed = store.complete(first, 'a', outcome);
      await eventually(waitingCount).toBe(1);
      // It waits for the row that the statement has changed, which waits for this transaction.
      await holder.execute('SELECT * FROM samekey_records WHERE `key` = ? FOR UPDATE', [
        bytes(first),
      ]);
      expect(await deadlocks()).toBe(before + 1);
      await holder.commit();
      expect(await completed).toBe(true);
    } finally {
      holder.release();
      await admin.query('DROP TRIGGER aside');
    }
    expect((await store.read(first)).record?.state).toBe('done');
  });

  it('because its connection is ended in the middle of a claim', async () => {
    const { once, store } = open({ connectionLimit: 1 }, { onUnknown: 'retry' });
    const key = randomKey();
    await store.claim(key, { ...request('gone'), leaseMs: 0 });
    await withRowLocked(key, async () => {
      const call = expect(once(key, () => 1)).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
      });
      await eventually(waitingCount).toBe(1);
      const [rows] = await admin.query(
        `SELECT id FROM information_schema.processlist WHERE user = 'samekey' AND command = 'Execute'`,
      );
      await admin.query(`KILL ${Number((rows as { id: unknown }[])[0]?.id)}`);
      await call;
    });
    expect(await once(key, () => 1)).toBe(1);
  });

  it('and a claim that takes effect after its caller gave up is given back', async () => {
    const { once, store } = open({}, { storeTimeoutMs: 300 });
    const key = randomKey();
    await store.claim(key, request('before'));
    await store.complete(key, 'before', outcome);
    await withRowLocked(key, async (holder) => {
      await expect(once(key, () => 1, { fresh: true })).rejects.toMatchObject({
        code: 'SAMEKEY_STORE',
      });
      await holder.rollback();
    });
    await eventually(async () => (await store.read(key)).record?.owner).toBe('before');
    expect((await store.read(key)).record?.state).toBe('done');
    expect(await once(key, () => 2, { fresh: true })).toBe(2);
  });

  it('to answer between a claim and its completion, and keeps the result for the caller', async () => {
    const { once, store } = open({}, { storeTimeoutMs: 60_000 });
    const key = randomKey();
    const { given, give } = signal();
    let runs = 0;
    const first = once(key, async () => {
      runs++;
      await given;
      return 'result';
    });
    await eventually(async () => (await store.read(key)).record?.state).toBe('running');
    await server.kill();
    give();
    await sleep(200);
    await server.start();
    expect(await first).toBe('result');
    expect(await once(key, () => 'second')).toBe('result');
    expect(runs).toBe(1);
  });
});
