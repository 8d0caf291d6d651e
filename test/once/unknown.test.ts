import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomKey } from '../../src/index.js';
import { createOnce, type OnceEvent, type OnceOptions } from '../../src/once/index.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import { postgresStore } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import type { Store } from '../../src/store/store.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { describeWith } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { CLIENTS } from '../servers/redis-clients.js';
import { but } from './scene.js';

/** Longer than a test, so that no lease runs out. */
const LEASE_MS = 10 * 60 * 1000;

const reset = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
const unknownErrors = (error: unknown) => (error as { code?: string }).code === 'ECONNRESET';
const failing = (error: unknown) => async () => {
  throw error;
};

interface Opened {
  readonly open: () => Store;
  end(): Promise<unknown>;
}

/** Two processes on a store. One runs a function that ends without an outcome. */
function unknownOutcomes(start: () => Promise<Opened>) {
  let opened: Opened;
  beforeAll(async () => {
    opened = await start();
  });
  afterAll(() => opened?.end());

  function processOn(options: Partial<OnceOptions>) {
    const events: OnceEvent[] = [];
    const once = createOnce({
      store: opened.open(),
      leaseMs: LEASE_MS,
      unknownErrors,
      onEvent: (event) => events.push(event),
      ...options,
    });
    return { once, events };
  }

  it('hold the key at once, also for who waits in another process', async () => {
    const key = randomKey();
    const [a, b] = [processOn({ onUnknown: 'hold' }), processOn({ onUnknown: 'hold' })];
    let fail: ((reason: unknown) => void) | undefined;
    const running = a.once(key, () => new Promise((_, reject) => (fail = reject)));
    const own = expect(running).rejects.toBe(reset);
    // The record is in the store before the function runs.
    await expect.poll(() => fail).toBeDefined();
    let runs = 0;
    const held = { code: 'SAMEKEY_UNKNOWN_OUTCOME', record: { attempt: 1 } };
    const waiting = expect(b.once(key, () => ++runs)).rejects.toMatchObject(held);
    fail?.(reset);
    await Promise.all([own, waiting]);
    await expect(a.once(key, () => ++runs)).rejects.toMatchObject(held);
    expect(runs).toBe(0);
    expect(a.events[0]).toMatchObject({ type: 'failed', error: reset, unknown: true });
    expect(await a.once.evict(key)).toBe(true);
    expect(await b.once(key, () => ++runs)).toBe(1);
  });

  it('are found out about by a function', async () => {
    const key = randomKey();
    const onUnknown = async () => ({ value: 'found' });
    const [a, b] = [processOn({ onUnknown }), processOn({ onUnknown })];
    await expect(a.once(key, failing(reset))).rejects.toBe(reset);
    expect(await b.once<string>(key, () => 'ran')).toBe('found');
  });

  it('are run again by the next caller unless held', async () => {
    const key = randomKey();
    const { once } = processOn({});
    await expect(once(key, failing(reset))).rejects.toBe(reset);
    expect(await once(key, ({ attempt }) => attempt)).toBe(1);
  });

  it('are no errors that say what happened', async () => {
    const key = randomKey();
    const { once, events } = processOn({ onUnknown: 'hold' });
    const refused = new Error('429');
    await expect(once(key, failing(refused))).rejects.toBe(refused);
    expect(events[0]).toMatchObject({ type: 'failed', unknown: false });
    expect(await once(key, () => 1)).toBe(1);
  });

  it('are what a function leaves that takes too long, also at once', async () => {
    const key = randomKey();
    const never = () => new Promise<never>(() => {});
    const timedOut = { code: 'SAMEKEY_TIMEOUT' };
    const held = processOn({ onUnknown: 'hold', timeoutMs: 20 });
    await expect(held.once(key, never)).rejects.toMatchObject(timedOut);
    expect(held.events[0]).toMatchObject({ type: 'failed', error: timedOut, unknown: true });
    expect(held.once.stats()).toMatchObject({ failed: 1 });
    await expect(held.once(key, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_UNKNOWN_OUTCOME',
    });
    // It may still run, so the next attempt can see that it is not the first.
    expect(await processOn({}).once(key, ({ attempt }) => attempt)).toBe(2);
  });
}

describe('unknown outcomes on memory', () => {
  unknownOutcomes(async () => {
    const store = memoryStore();
    return { open: () => store, end: async () => {} };
  });

  it('are those that the caller’s function cannot judge', async () => {
    const once = createOnce({ store: memoryStore(), onUnknown: 'hold', unknownErrors });
    const key = randomKey();
    const [outcome] = await Promise.allSettled([once(key, failing(undefined))]);
    expect(outcome).toEqual({ status: 'rejected', reason: undefined });
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
  });

  it('are kept by no storeErrors', async () => {
    const once = createOnce({ store: memoryStore(), storeErrors: () => true, unknownErrors });
    const key = randomKey();
    await expect(once(key, failing(reset))).rejects.toBe(reset);
    expect(await once(key, () => 1)).toBe(1);
  });

  it('end a lease also while a renewal of it is under way', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
    const memory = memoryStore();
    let sendRenewal: (() => void) | undefined;
    const renew = async (...all: Parameters<Store['renew']>) => {
      if (all[2] > 0) await new Promise<void>((resolve) => (sendRenewal = resolve));
      return memory.renew(...all);
    };
    const store = but(memory, { renew });
    const once = createOnce({ store, leaseMs: LEASE_MS, onUnknown: 'hold', unknownErrors });
    const key = randomKey();
    let fail = (_: unknown) => {};
    const running = once(key, () => new Promise((_, reject) => (fail = reject)));
    const ended = expect(running).rejects.toBe(reset);
    for (let ms = 0; sendRenewal === undefined && ms < LEASE_MS; ms += 1000) {
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(sendRenewal).toBeDefined();
    fail(reset);
    sendRenewal?.();
    await ended;
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
    vi.useRealTimers();
  });
});

describe('unknown outcomes on LMDB', () => {
  unknownOutcomes(async () => {
    const path = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
    const store = lmdbStore({ path });
    const end = async () => {
      await store.close();
      rmSync(path, { recursive: true, force: true });
    };
    return { open: () => store, end };
  });
});

describeWith('redis-server', hasRedis, 'unknown outcomes on Redis', () => {
  unknownOutcomes(async () => {
    const server = await startRedis();
    const [connect] = Object.values(CLIENTS) as [(typeof CLIENTS)[string]];
    const { client, end } = await connect(server.port);
    const stores: Store[] = [];
    return {
      open() {
        const store = redisStore({ client });
        stores.push(store);
        return store;
      },
      async end() {
        await Promise.all(stores.map((store) => store.close()));
        await end();
        await server.stop();
      },
    };
  });
});

describeWith('PostgreSQL', hasPostgres, 'unknown outcomes on PostgreSQL', () => {
  unknownOutcomes(async () => {
    const { default: pg } = await import('pg');
    const server = await startPostgres();
    const pool = new pg.Pool({ connectionString: server.url });
    const store = postgresStore({ pool });
    await store.migrate();
    const end = async () => {
      await store.close();
      await pool.end();
      await server.stop();
    };
    return { open: () => store, end };
  });
});
