import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { Choices } from '../../../src/store/conformance/choices.js';
import { type PostgresClient, postgresStore } from '../../../src/store/postgres.js';
import type { Store } from '../../../src/store/store.js';
import { deep } from '../../depth.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { eventually, outcome, request } from './scene.js';

const CLOCK = 'floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';
const START_US = 1_700_000_000_000_000;

type Call = (store: Store) => Promise<unknown>;

/** A call that any of a few owners of a key could send. */
function randomCall(choices: Choices, key: string): Call {
  const owner = `owner ${choices.whole(1, 3)}`;
  const leaseMs = choices.one([0, 5, 50]);
  const ttlMs = choices.one([5, 50, 500]);
  const claim = {
    owner,
    leaseMs,
    ttlMs,
    fingerprint: choices.one([undefined, undefined, 'f', 'g', '"{}, NULL\\']),
    takeUnknown: choices.percent(60),
    takeFinished: choices.percent(60),
  };
  const payload = new Uint8Array(choices.one([0, 1, 300, 40_000])).fill(choices.whole(0, 255));
  const state = choices.one(['done', 'failed'] as const);
  const codec = choices.one(['json', '', 'a"b\\c, {d}']);
  const call = choices.one<Call>([
    (store) => store.claim(key, claim),
    (store) => store.claim(key, claim),
    (store) => store.complete(key, owner, { state, codec, payload, ttlMs }),
    (store) => store.release(key, owner),
    (store) => store.renew(key, owner, leaseMs),
  ]);
  return choices.percent(5) ? (store) => store.evict(key) : call;
}

describeWith('PostgreSQL', hasPostgres, 'calls of one turn to the PostgreSQL store', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  beforeAll(async () => {
    server = await startPostgres();
    pool = new pg.Pool({ connectionString: server.url, max: 8 });
    pool.on('error', () => {});
    await postgresStore({ pool }).migrate();
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  /** A pool that counts its queries, and may change their text. */
  function counted(change = (text: string) => text) {
    const texts: string[] = [];
    const client: PostgresClient = {
      query(text: string, values: readonly unknown[]) {
        // The two ways would delete their expired rows at different times.
        if (text.includes('SKIP LOCKED')) return { rows: [] };
        texts.push(text);
        return pool.query(change(text), values as unknown[]);
      },
    };
    return { client, texts };
  }

  it('are answered, and change the table, as calls one at a time', {
    timeout: 600_000,
  }, async () => {
    const seed = deep(15, Date.now() % 2 ** 30);
    const choices = new Choices(seed);
    const where = `the seed ${seed}`;
    let nowUs = START_US;
    const withClock = (text: string) => text.split(CLOCK).join(`${nowUs}::bigint`);
    const [together, alone] = [counted(withClock), counted(withClock)];
    const stores = [together, alone].map(({ client }, index) =>
      postgresStore({ pool: client, table: `way${index}`, prepare: false }),
    ) as [ReturnType<typeof postgresStore>, ReturnType<typeof postgresStore>];
    for (const store of stores) await store.migrate();
    const rowsOf = async (table: string) =>
      (await pool.query(`SELECT * FROM ${table} ORDER BY key`)).rows;
    const keys = ['é\u{1f600}', '"\\{}', 'NULL', 'a,b', ...Array.from('0123456789ABCDEFGHIJ')];
    let calls = 0;
    for (let round = 0; round < deep(40, 80); round++) {
      nowUs += 1000 * choices.one([0, 1, 1, 3, 20, 200]);
      const sent = keys.filter(() => choices.percent(80)).map((key) => randomCall(choices, key));
      const answers = await Promise.all(sent.map((call) => call(stores[0])));
      for (const [index, call] of sent.entries()) {
        expect(answers[index], `${where}, round ${round}`).toEqual(await call(stores[1]));
      }
      calls += sent.length;
      expect(await rowsOf('way0'), `${where}, round ${round}`).toEqual(await rowsOf('way1'));
    }
    // Both ways were taken.
    expect(alone.texts.filter((text) => text.includes('unnest'))).toEqual([]);
    expect(alone.texts.length).toBeGreaterThanOrEqual(calls);
    expect(together.texts.length).toBeLessThan(calls / 2);
  });

  it('are one statement of each step, and none for a single call', async () => {
    const { client, texts } = counted();
    const store = postgresStore({ pool: client });
    const keys = Array.from({ length: 50 }, () => randomKey());
    const each = <T>(act: (key: string) => Promise<T>) => Promise.all(keys.map(act));
    const sentBy = async (act: () => Promise<unknown>) => {
      texts.length = 0;
      await act();
      return texts.map((text) => text.includes('unnest'));
    };
    expect(await sentBy(() => each((key) => store.claim(key, request(key))))).toEqual([true]);
    expect(await sentBy(() => each((key) => store.renew(key, key, 60_000)))).toEqual([true]);
    expect(await sentBy(() => each((key) => store.complete(key, key, outcome)))).toEqual([true]);
    expect(await sentBy(() => each((key) => store.release(key, key)))).toEqual([true]);
    expect(await sentBy(() => store.claim(randomKey(), request('a')))).toEqual([false]);
    // A statement changes a row once.
    const key = randomKey();
    const claims = Array.from({ length: 5 }, (_, index) => store.claim(key, request(`${index}`)));
    const granted = (await Promise.all(claims)).filter(({ claimed }) => claimed);
    expect(granted).toHaveLength(1);
  });

  it('fail by themselves', async () => {
    const store = postgresStore({ pool });
    const good = Array.from({ length: 10 }, () => randomKey());
    const claims: readonly (readonly [key: string, leaseMs: number, code: string])[] = [
      ['a\0b', 60_000, '22021'],
      [randomBytes(5000).toString('base64'), 60_000, '54000'],
      [randomKey(), Number.POSITIVE_INFINITY, '22P02'],
    ];
    const settled = (all: readonly Promise<unknown>[]) =>
      Promise.all(
        all.map((call) =>
          call.then(
            (value) => (value as { claimed?: boolean }).claimed ?? value,
            (error) => error.code,
          ),
        ),
      );
    expect(
      await settled([
        ...good.map((key) => store.claim(key, request(key))),
        ...claims.map(([key, leaseMs]) => store.claim(key, { ...request('a'), leaseMs })),
      ]),
    ).toEqual([...good.map(() => true), ...claims.map(([, , code]) => code)]);
    const wrong = { ...outcome, state: 'wrong' as 'done' };
    expect(
      await settled([
        ...good.map((key, index) => store.complete(key, key, index === 3 ? wrong : outcome)),
        store.complete(randomKey(), 'nobody', outcome),
      ]),
    ).toEqual([...good.map((_, index) => (index === 3 ? '23514' : true)), false]);
  });

  it('wait by themselves for a locked row', async () => {
    const options = '-c statement_timeout=500';
    const own = new pg.Pool({ connectionString: server.url, max: 8, options });
    const store = postgresStore({ pool: own });
    const keys = Array.from({ length: 10 }, () => randomKey());
    for (const key of keys) await store.claim(key, request(key));
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM samekey_records WHERE key = $1 FOR UPDATE', [keys[4]]);
    const answers = await Promise.allSettled(keys.map((key) => store.complete(key, key, outcome)));
    await holder.query('COMMIT');
    holder.release();
    for (const [index, answer] of answers.entries()) {
      if (index === 4) expect(answer).toMatchObject({ reason: { code: '57014' } });
      else expect(answer).toEqual({ status: 'fulfilled', value: true });
    }
    await own.end();
  });

  it('have an unknown outcome, and are not sent again, if their connection is lost', async () => {
    const own = new pg.Pool({ connectionString: server.url, max: 8, application_name: 'lost' });
    own.on('error', () => {});
    let queries = 0;
    const client: PostgresClient = {
      query(...args: never[]) {
        queries++;
        return (own.query as (...args: never[]) => unknown).apply(own, args);
      },
    };
    const store = postgresStore({ pool: client });
    const holder = await pool.connect();
    await holder.query('BEGIN; LOCK TABLE samekey_records IN ACCESS EXCLUSIVE MODE');
    const keys = Array.from({ length: 10 }, () => randomKey());
    const claims = Promise.allSettled(keys.map((key) => store.claim(key, request(key))));
    await eventually(async () => {
      const { rowCount } = await pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'lost' AND wait_event_type = 'Lock'`,
      );
      return rowCount;
    }).toBe(1);
    for (const answer of await claims) expect(answer).toMatchObject({ reason: { code: '57P01' } });
    await holder.query('COMMIT');
    holder.release();
    expect(queries).toBe(1);
    await own.end();
  });

  it('use the index of a table that was small when they were prepared', async () => {
    const own = new pg.Pool({ connectionString: server.url, max: 1 });
    const store = postgresStore({ pool: own, table: 'grown' });
    await store.migrate();
    await own.query('ALTER TABLE grown SET (autovacuum_enabled = off)');
    const each = async (act: (key: string) => Promise<unknown>) => {
      const keys = Array.from({ length: 20 }, () => randomKey());
      await Promise.all(keys.map(act));
      return keys;
    };
    // The server keeps a plan from the sixth call on.
    const runAll = async () => {
      const done = await each((key) => store.claim(key, request(key)));
      await Promise.all(done.map((key) => store.renew(key, key, 60_000)));
      await Promise.all(done.map((key) => store.complete(key, key, outcome)));
      const released = await each((key) => store.claim(key, request(key)));
      await Promise.all(released.map((key) => store.release(key, key)));
    };
    const scans = async () => {
      await own.query('SELECT pg_stat_force_next_flush()').catch(() => {});
      const { rows } = await own.query(
        `SELECT seq_scan::integer AS scans FROM pg_stat_user_tables WHERE relname = 'grown'`,
      );
      return rows[0].scans;
    };
    for (let count = 0; count < 10; count++) await runAll();
    const before = await scans();
    for (let count = 0; count < 10; count++) await runAll();
    expect(await scans()).toBe(before);
    await own.end();
  });

  it('never deadlock with calls of another process', { timeout: 600_000 }, async () => {
    const pools = [1, 2].map(() => new pg.Pool({ connectionString: server.url, max: 8 }));
    const stores = pools.map((own) => postgresStore({ pool: own }));
    const deadlocks = async () => {
      const { rows } = await pool.query(
        'SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()',
      );
      return rows[0].deadlocks;
    };
    expect(await deadlocks()).toBe(0);
    const choices = new Choices(7);
    const shuffled = <T>(list: readonly T[]): T[] =>
      list
        .map((each) => ({ each, at: choices.whole(0, 2 ** 30) }))
        .sort((a, b) => a.at - b.at)
        .map(({ each }) => each);
    for (let round = 0; round < deep(30, 120); round++) {
      const keys = Array.from({ length: 60 }, () => randomKey());
      // Both claim all keys, some at a time, so that the table has them in no order. Then both
      // complete and claim all of them at once.
      const claims: string[][] = [[], []];
      for (let at = 0; at < keys.length; at += 10) {
        const some = keys.slice(at, at + 10);
        const claimOne = async (store: Store, index: number, key: string) => {
          const { claimed } = await store.claim(key, request(`${index}`));
          if (claimed) claims[index]?.push(key);
        };
        await Promise.all(
          stores.flatMap((store, index) =>
            shuffled(some).map((key) => claimOne(store, index, key)),
          ),
        );
      }
      expect(claims.flat().sort()).toEqual([...keys].sort());
      const owners = new Map(
        claims.flatMap((granted, index) => granted.map((key) => [key, `${index}`] as const)),
      );
      const ends = await Promise.all(
        stores.flatMap((store, index) => [
          ...shuffled(keys).map((key) => store.complete(key, owners.get(key) ?? '', outcome)),
          ...shuffled(keys).map((key) => store.claim(key, request(`later ${index}`))),
        ]),
      );
      expect(ends.every((end) => end === true || typeof end === 'object' || end === false)).toBe(
        true,
      );
      await Promise.all(
        stores.flatMap((store, index) =>
          shuffled(keys).map((key) => store.release(key, `later ${index}`)),
        ),
      );
    }
    // The server reports its counts when a connection has been idle or has ended.
    await Promise.all(pools.map((own) => own.end()));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await deadlocks()).toBe(0);
  });
});
