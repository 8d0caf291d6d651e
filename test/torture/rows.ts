import { processRows } from './general-rows.js';
import { HTTP_ROWS } from './http-rows.js';
import { LMDB, LMDB_ROWS } from './lmdb-rows.js';
import { MEMORY } from './memory-rows.js';
import { POSTGRES, POSTGRES_ROWS } from './postgres-rows.js';
import { REDIS, REDIS_ROWS } from './redis-rows.js';
import type { Row } from './torture.js';

/** Every store has the common rows. Its own rows are in its own file. */
const STORES = [MEMORY, LMDB, REDIS, POSTGRES];

export const ROWS: readonly Row[] = [
  ...STORES.flatMap(processRows),
  ...LMDB_ROWS,
  ...REDIS_ROWS,
  ...POSTGRES_ROWS,
  ...HTTP_ROWS,
];
