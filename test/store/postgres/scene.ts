import pg from 'pg';
import { expect } from 'vitest';
import { createOnce, type OnceEvent, type OnceOptions } from '../../../src/once/index.js';
import { type PostgresStoreOptions, postgresStore } from '../../../src/store/postgres.js';
import type { ClaimRequest } from '../../../src/store/store.js';
import { request as freeRequest } from '../requests.js';

export const sleep = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

/** Waits for a value. */
export const eventually = (read: () => unknown): ReturnType<typeof expect.poll> =>
  expect.poll(read);

export { outcome } from '../requests.js';

/** A claim that takes any key that nobody holds. */
export const request = (owner: string): ClaimRequest =>
  freeRequest(owner, { takeUnknown: true, takeFinished: true });

/** Parsers of `boolean`, `bytea`, `bigint` and `integer`, as a program may want them for its own tables. */
export const PARSERS: Record<number, (value: string) => unknown> = {
  16: (value) => (value === 't' ? 'yes' : 'no'),
  17: () => undefined,
  20: BigInt,
  23: (value) => `${value}`,
};

/** One process with a pool, and a `once` on it. */
export function onPool(
  config: pg.PoolConfig,
  options: Omit<PostgresStoreOptions, 'pool'> = {},
  settings: Partial<OnceOptions> = {},
) {
  const pool = new pg.Pool(config);
  pool.on('error', () => {});
  const store = postgresStore({ pool, ...options });
  const events: OnceEvent[] = [];
  const once = createOnce({
    store,
    cache: false,
    onEvent: (event) => events.push(event),
    ...settings,
  });
  return {
    pool,
    store,
    once,
    storeErrors: () => events.filter(({ type }) => type === 'storeError'),
    /** The number of connections in use. */
    heldCount: () => pool.totalCount - pool.idleCount,
    async end() {
      await once.close();
      await pool.end();
    },
  };
}

export type OnPool = ReturnType<typeof onPool>;

/** A promise, and the function that resolves it. */
export function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}
