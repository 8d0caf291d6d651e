import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { postgresStore } from '../../../src/store/postgres.js';
import { hasPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.js';
import { describeWith } from '../../servers/process.js';
import { eventually, type OnPool, onPool, outcome, request, sleep } from './scene.js';

describeWith('PostgreSQL', hasPostgres, 'the LISTEN connection of the PostgreSQL store', () => {
  let server: PostgresServer;
  let admin: pg.Pool;
  const opened: OnPool[] = [];
  const open = (max: number) => {
    const one = onPool({ connectionString: server.url, max });
    opened.push(one);
    return one;
  };
  /** The statements of connections that listen. */
  const listening = async (): Promise<number[]> => {
    const { rows } = await admin.query(
      `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`,
    );
    return rows.map(({ pid }) => pid);
  };
  const counter = () => {
    const count = () => {
      count.told++;
    };
    count.told = 0;
    return count;
  };
  beforeAll(async () => {
    server = await startPostgres();
    admin = new pg.Pool({ connectionString: server.url, max: 2 });
    admin.on('error', () => {});
    await postgresStore({ pool: admin }).migrate();
    await postgresStore({ pool: admin, table: 'others' }).migrate();
  });
  afterEach(async () => {
    for (const { end } of opened.splice(0)) await end();
    await eventually(listening).toEqual([]);
  });
  afterAll(async () => {
    await admin?.end();
    await server?.stop();
  });

  it('is one for all stores on a pool, also of different tables', async () => {
    const { pool, store, heldCount } = open(5);
    const others = postgresStore({ pool, table: 'others' });
    const [first, second, third] = [counter(), counter(), counter()];
    await store.claim('k', request('a'));
    await others.claim('k', request('a'));
    await store.watch?.('k', first);
    await postgresStore({ pool }).watch?.('k', second);
    await others.watch?.('k', third);
    await eventually(async () => (await listening()).length).toBe(1);
    // Well after the last poll.
    await sleep(500);
    await eventually(heldCount).toBe(1);
    expect([first.told, second.told, third.told]).toEqual([0, 0, 0]);
    await store.complete('k', 'a', outcome);
    await eventually(() => [first.told, second.told, third.told]).toEqual([1, 1, 0]);
    await others.release('k', 'a');
    await eventually(() => [first.told, second.told, third.told]).toEqual([1, 1, 1]);
    await store.close();
    await others.close();
    // The third store still watches.
    await eventually(heldCount).toBe(1);
  });

  it('is given back some seconds after the last duplicate', async () => {
    const { store, heldCount } = open(5);
    const isListening = async () => (await listening()).length === 1;
    const end = await store.watch?.('k', () => {});
    await eventually(isListening).toBe(true);
    end?.();
    await sleep(500);
    expect(heldCount()).toBe(1);
    await eventually(heldCount).toBe(0);
    await store.watch?.('k', () => {});
    await eventually(isListening).toBe(true);
  });

  it('is given back by close(), also while it is being opened', async () => {
    const { store, heldCount, pool } = open(5);
    await store.watch?.('k', () => {});
    await eventually(async () => (await listening()).length).toBe(1);
    await store.close();
    await eventually(listening).toEqual([]);
    await eventually(heldCount).toBe(0);
    const another = postgresStore({ pool });
    await another.watch?.('k', () => {});
    await another.close();
    await eventually(heldCount).toBe(0);
    await sleep(200);
    expect(heldCount()).toBe(0);
  });

  it('does not keep a pool from ending', async () => {
    const { store, pool, heldCount, once } = open(5);
    await store.watch?.('k', () => {});
    await eventually(heldCount).toBe(1);
    await pool.end();
    opened.pop();
    await once.close();
  });

  it('is opened again after it was cut, and nothing is missed', async () => {
    const { store } = open(5);
    const count = counter();
    await store.claim('cut', request('a'));
    await store.claim('cut later', request('a'));
    await store.watch?.('cut', count);
    await eventually(async () => (await listening()).length).toBe(1);
    await sleep(500);
    const [pid] = await listening();
    // In one statement, so that no connection receives the notification.
    await admin.query(`SELECT pg_terminate_backend($1)`, [pid]);
    await store.complete('cut', 'a', outcome);
    await eventually(() => count.told).toBeGreaterThan(0);
    await eventually(async () => (await listening()).length).toBe(1);
    await sleep(500);
    const later = counter();
    await store.watch?.('cut later', later);
    await store.complete('cut later', 'a', outcome);
    await eventually(() => later.told).toBe(1);
  });

  it('is opened again after the server was started again', async () => {
    const { store, once } = open(5);
    const count = counter();
    await store.claim('restart', request('a'));
    await store.watch?.('restart', count);
    await eventually(async () => (await listening()).length).toBe(1);
    await sleep(500);
    expect(count.told).toBe(0);
    await server.kill();
    await server.start();
    await store.complete('restart', 'a', outcome);
    await eventually(() => count.told).toBeGreaterThan(0);
    expect(await once(randomKey(), () => 'new')).toBe('new');
  });

  it('is not needed by a single Client', async () => {
    const client = new pg.Client(server.url);
    await client.connect();
    const store = postgresStore({ pool: client });
    const count = counter();
    await store.claim('single', request('a'));
    await store.watch?.('single', count);
    await sleep(300);
    expect(count.told).toBe(0);
    await store.complete('single', 'a', outcome);
    await eventually(() => count.told).toBe(1);
    await store.close();
    await client.end();
  });
});
