import { createPool as createCallbackPool } from 'mysql2';
import { createConnection, createPool, type Pool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { createOnce } from '../../../src/once/index.js';
import { type MysqlClient, mysqlStore } from '../../../src/store/mysql.js';
import { hasMariadb, type MariadbServer, startMariadb } from '../../servers/mariadb.js';
import { describeWith } from '../../servers/process.js';
import { outcome, request } from './scene.js';

describe('invalid pools and tables', () => {
  it.each([undefined, null, 1, 'mysql://localhost', {}, [], { execute() {}, query() {} }])(
    '%s',
    (pool) => {
      expect(() => mysqlStore({ pool: pool as unknown as MysqlClient })).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          code: 'SAMEKEY_BAD_CLIENT',
          message: expect.stringMatching(/^Cannot make a MySQL store: pool is .*, wanted a pool/),
        }),
      );
    },
  );

  const pool = { execute: async () => {}, query: async () => {}, getConnection() {} };
  it.each(['', '1a', 'a b', 'a`b', "a'b", 'a;b', 'a.b.c', '.a', 'a.', 'ä', 'a'.repeat(65), 'a-b'])(
    'table %j',
    (table) => {
      expect(() => mysqlStore({ pool, table })).toThrow(
        expect.objectContaining({ name: 'SyntaxError', code: 'SAMEKEY_BAD_ARGUMENT' }),
      );
    },
  );

  it.each([
    undefined,
    { rows: [] },
    [1],
    // The reply of the package `mariadb`.
    Object.assign([{ a: 1 }], { meta: [] }),
  ])('and a client whose reply is %j', async (reply) => {
    const other = { ...pool, execute: async () => reply };
    await expect(mysqlStore({ pool: other }).read('k')).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_CLIENT',
    });
  });
});

describeWith('MariaDB', hasMariadb, 'the table of the MySQL store', () => {
  let server: MariadbServer;
  let pool: Pool;
  beforeAll(async () => {
    server = await startMariadb();
    pool = createPool({ uri: server.url, connectionLimit: 8 });
    await mysqlStore({ pool }).migrate();
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  it('is made once, also by many at a time', async () => {
    const store = () => mysqlStore({ pool, table: 'made' });
    await expect(store().claim('k', request('a'))).rejects.toMatchObject({
      name: 'ReferenceError',
      code: 'SAMEKEY_NO_TABLE',
      message: expect.stringMatching(/^Cannot use the table made: it is not there, wanted migrate/),
    });
    await Promise.all(Array.from({ length: 8 }, () => store().migrate()));
    expect((await store().claim('k', request('a'))).claimed).toBe(true);
    await store().migrate();
    expect((await store().read('k')).record?.owner).toBe('a');
  });

  it('may be in another database, and have a name that SQL would take for something else', async () => {
    await server.admin('CREATE DATABASE `Order`', "GRANT ALL ON `Order`.* TO samekey@'127.0.0.1'");
    const store = mysqlStore({ pool, table: 'Order.select' });
    await store.migrate();
    expect((await store.claim('k', request('a'))).claimed).toBe(true);
    expect(await store.complete('k', 'a', outcome)).toBe(true);
    const [rows] = await pool.query('SELECT `key` FROM `Order`.`select`');
    expect(rows).toEqual([{ key: Buffer.from('k') }]);
  });

  it('gets one statement for every step, and two for a granted claim', async () => {
    let statements = 0;
    const counting: MysqlClient = {
      execute(...args: never[]) {
        statements++;
        return (pool.execute as (...args: never[]) => unknown).apply(pool, args);
      },
      query: pool.query.bind(pool) as MysqlClient['query'],
      getConnection: pool.getConnection.bind(pool),
    };
    const store = mysqlStore({ pool: counting });
    const countOf = async (act: () => Promise<unknown>) => {
      statements = 0;
      await act();
      return statements;
    };
    const held = { ...request('b'), takeFinished: false };
    expect(await countOf(() => store.claim('counted', request('a')))).toBe(2);
    expect(await countOf(() => store.claim('counted', held))).toBe(1);
    expect(await countOf(() => store.renew('counted', 'a', 60_000))).toBe(1);
    expect(await countOf(() => store.complete('counted', 'a', outcome))).toBe(1);
    expect(await countOf(() => store.claim('counted', held))).toBe(1);
    expect(await countOf(() => store.read('counted'))).toBe(1);
    expect(await countOf(() => store.evict('counted'))).toBe(1);
    expect(await countOf(() => store.claim('counted', held))).toBe(2);
    expect(await countOf(() => store.release('counted', 'b'))).toBe(1);
    const once = createOnce({ store, cache: false });
    const key = randomKey();
    expect(await countOf(() => once(key, () => 1))).toBe(3);
    expect(await countOf(() => once(key, () => 2))).toBe(1);
  });

  /** Settings of connections that other programs use. */
  const SETTINGS = {
    'a pool without promises': {},
    'rows as arrays': { rowsAsArray: true },
    'rows by table': { nestTables: true },
    'large numbers as text': { supportBigNumbers: true, bigNumberStrings: true },
    'bytes as text': { typeCast: (field: { string(): unknown }) => field.string() },
    'no bytes at all': { typeCast: () => undefined },
    'another character set': { charset: 'latin1' },
    'named placeholders': { namedPlaceholders: true },
    'counts of changed rows': { flags: ['-FOUND_ROWS'] },
  };
  const MODES = [
    '',
    'ANSI,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT',
    'SIMULTANEOUS_ASSIGNMENT',
    'TRADITIONAL,ONLY_FULL_GROUP_BY',
  ];
  it.each<readonly [name: string, setting: object | string]>([
    ...Object.entries(SETTINGS),
    ...MODES.map((mode) => [`the sql_mode "${mode}"`, `SET sql_mode = '${mode}'`] as const),
    ['another time zone', `SET time_zone = '+05:30'`],
    ['an isolation level', 'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
  ])('works with a pool of other settings: %s', async (name, setting) => {
    const make = (name.includes('without') ? createCallbackPool : createPool) as typeof createPool;
    const own = make({
      uri: server.url,
      connectionLimit: 2,
      ...(typeof setting === 'object' ? setting : {}),
    } as never);
    if (typeof setting === 'string') {
      own.on('connection', (connection) => {
        const { query } = connection as unknown as { query(sql: string): void };
        query.call(connection, setting);
      });
    }
    const store = mysqlStore({ pool: own });
    const key = `${randomKey()} 'é"\\ \u{1f600}`;
    const text = `\\'"\`\u0000\ud800 é\u{1f600}`;
    const payload = Uint8Array.from({ length: 256 }, (_, index) => index);
    const claim = { ...request(text), fingerprint: text, leaseMs: 0 };
    try {
      const first = await store.claim(key, claim);
      expect(first).toMatchObject({ claimed: true, record: { owner: text, fingerprint: text } });
      expect(Math.abs(first.nowMs - Date.now())).toBeLessThan(600_000);
      const second = await store.claim(key, { ...claim, owner: 'b' });
      expect(second).toMatchObject({ claimed: true, record: { owner: 'b', attempt: 2 } });
      expect(second.record.fencingToken).toBeGreaterThan(first.record.fencingToken);
      expect((await store.read(key)).record).toEqual(second.record);
      expect(await store.release(key, 'b')).toBe(true);
      // Twice in one millisecond, perhaps.
      const renewals = [0, 1, 2, 3].map(() => store.renew(key, text, 60_000));
      expect(await Promise.all(renewals)).toEqual([true, true, true, true]);
      expect(await store.complete(key, text, { ...outcome, payload })).toBe(true);
      expect(await store.complete(key, text, { ...outcome, payload })).toBe(true);
      expect((await store.read(key)).record).toMatchObject({ state: 'done', payload });
      for await (const entry of store.list?.() ?? []) expect(entry.key).not.toBe('');
      let told = 0;
      const end = await store.watch?.(key, () => {
        told++;
      });
      await expect.poll(() => told).toBeGreaterThan(0);
      end?.();
    } finally {
      await store.close();
      await own.end();
    }
  });

  it('refuses connections that do not commit each statement', async () => {
    const own = createPool({ uri: server.url, connectionLimit: 1 });
    own.on('connection', (connection) => {
      (connection as unknown as { query(sql: string): void }).query('SET autocommit = 0');
    });
    const store = mysqlStore({ pool: own });
    await expect(store.claim(randomKey(), request('a'))).rejects.toMatchObject({
      name: 'TypeError',
      code: 'SAMEKEY_BAD_CLIENT',
      message: expect.stringContaining('wanted autocommit = 1'),
    });
    await own.end();
    const single = await createConnection(server.url);
    expect(() => mysqlStore({ pool: single as unknown as MysqlClient })).toThrow('wanted a pool');
    await single.end();
  });

  it('keeps keys apart that a collation takes for the same, and refuses too long ones', async () => {
    const own = createPool({ uri: server.url });
    // A server that is not strict would cut them off.
    own.on('connection', (connection) => {
      (connection as unknown as { query(sql: string): void }).query(`SET sql_mode = ''`);
    });
    const store = mysqlStore({ pool: own });
    const long = 'x'.repeat(767);
    for (const key of [
      'same',
      'SAME',
      'sáme',
      'same ',
      'same\0',
      'same\ud800',
      'same\ufffd',
      long,
    ]) {
      expect((await store.claim(key, request(key))).claimed).toBe(true);
    }
    const error = { name: 'RangeError', code: 'SAMEKEY_BAD_ARGUMENT' };
    await expect(store.claim(`${long}y`, request('a'))).rejects.toMatchObject(error);
    await expect(store.claim('k', request('x'.repeat(1025)))).rejects.toMatchObject(error);
    const fingerprint = 'x'.repeat(1025);
    await expect(store.claim('k2', { ...request('a'), fingerprint })).rejects.toMatchObject(error);
    expect((await store.read('k2')).record).toBeUndefined();
    const codec = 'x'.repeat(256);
    await expect(store.complete('same', 'same', { ...outcome, codec })).rejects.toMatchObject(
      error,
    );
    expect((await store.read('same')).record?.state).toBe('running');
    await own.end();
  });

  it.each([
    ['other columns', 'CREATE TABLE other0 (id INT, name TEXT)'],
    ['no binary keys', ''],
    ['a column more, without a default', ''],
  ])('of another program is refused: %s', async (what, sql) => {
    const table = `other${['other columns', 'no binary keys'].indexOf(what)}`.replace('-1', '2');
    const store = mysqlStore({ pool, table });
    if (sql !== '') await pool.query(sql);
    else await store.migrate();
    if (what.includes('binary')) {
      await pool.query(`ALTER TABLE ${table} MODIFY \`key\` VARCHAR(255) CHARACTER SET utf8mb4`);
      await store.claim('k', request('a'));
    }
    if (what.includes('more')) await pool.query(`ALTER TABLE ${table} ADD extra INT NOT NULL`);
    await expect(store.claim('k', request('b'))).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_STATE',
      message: expect.stringMatching(/^Cannot (?:use the table other|read a record in MySQL)/),
    });
  });

  it.each([
    [`state = 'paused'`, 'has the state "paused"'],
    [`former = 'no JSON'`, 'no JSON'],
    [`former = '{"state":"paused"}'`, 'of another kind'],
    ['former = \'{"state":"done","owner":"a"}\'', 'of another kind'],
    [`state = 'done'`, 'has null for bytes'],
  ])('refuses a record that another version wrote: %s', async (change, why) => {
    const store = mysqlStore({ pool });
    const key = randomKey();
    await store.claim(key, request('a'));
    await pool.query(`UPDATE samekey_records SET ${change} WHERE \`key\` = ?`, [Buffer.from(key)]);
    const once = createOnce({ store, cache: false });
    let runs = 0;
    await expect(once(key, () => runs++)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: expect.stringContaining(why),
      cause: { code: 'SAMEKEY_BAD_STATE' },
    });
    expect(runs).toBe(0);
    await pool.query('DELETE FROM samekey_records WHERE `key` = ?', [Buffer.from(key)]);
  });

  it('has its expired rows deleted over time', async () => {
    const store = mysqlStore({ pool, table: 'swept' });
    await store.migrate();
    await pool.query(
      `INSERT INTO swept SELECT CONCAT('k', seq), 'done', 'o', 1, 1, NULL, 0, 0, 1, 1, 'json', '', NULL FROM seq_1_to_600`,
    );
    const rest = async () => {
      const [rows] = await pool.query('SELECT COUNT(*) AS count FROM swept');
      return (rows as { count: number }[])[0]?.count;
    };
    await store.claim('a', request('a'));
    expect(await rest()).toBe(601);
    // A store sweeps beside a claim, if it has not done so for a while.
    const later = performance.now() + 60_000;
    const now = performance.now;
    performance.now = () => later;
    try {
      await store.claim('b', request('b'));
      await expect.poll(rest).toBe(102);
      // The store learns after the server that there may be more, so one claim may be too early.
      const claimAndCount = async () => {
        await store.claim('c', request('c'));
        return rest();
      };
      await expect.poll(claimAndCount).toBe(3);
    } finally {
      performance.now = now;
    }
  });
});
