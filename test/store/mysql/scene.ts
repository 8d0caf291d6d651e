import { createPool, type PoolOptions } from 'mysql2/promise';
import { createOnce, type OnceOptions } from '../../../src/once/index.js';
import { type MysqlStoreOptions, mysqlStore } from '../../../src/store/mysql.js';

export { eventually, outcome, request, signal, sleep } from '../postgres/scene.js';

/** One process with a pool, and a `once` on it. */
export function onPool(
  config: PoolOptions,
  options: Omit<MysqlStoreOptions, 'pool'> = {},
  settings: Partial<OnceOptions> = {},
) {
  const pool = createPool(config);
  const store = mysqlStore({ pool, ...options });
  const once = createOnce({ store, cache: false, ...settings });
  return {
    pool,
    store,
    once,
    async end() {
      await once.close();
      await pool.end();
    },
  };
}

export type OnPool = ReturnType<typeof onPool>;
