import { DYNAMODB, DYNAMODB_ROWS } from './dynamodb-rows.js';
import { processRows } from './general-rows.js';
import { HTTP_ROWS } from './http-rows.js';
import { LMDB, LMDB_ROWS } from './lmdb-rows.js';
import { MEMORY } from './memory-rows.js';
import { MYSQL, MYSQL_ROWS } from './mysql-rows.js';
import { POSTGRES, POSTGRES_ROWS } from './postgres-rows.js';
import { REDIS, REDIS_ROWS } from './redis-rows.js';
import { SQLITE, SQLITE_ROWS } from './sqlite-rows.js';
import type { Row } from './torture.js';
import { UPSTASH, UPSTASH_ROWS } from './upstash-rows.js';

/** Every store has the common rows. Its own rows are in its own file. */
const STORES = [MEMORY, LMDB, SQLITE, REDIS, UPSTASH, POSTGRES, MYSQL, DYNAMODB];

export const ROWS: readonly Row[] = [
  ...STORES.flatMap(processRows),
  ...LMDB_ROWS,
  ...SQLITE_ROWS,
  ...REDIS_ROWS,
  ...UPSTASH_ROWS,
  ...POSTGRES_ROWS,
  ...MYSQL_ROWS,
  ...DYNAMODB_ROWS,
  ...HTTP_ROWS,
];
