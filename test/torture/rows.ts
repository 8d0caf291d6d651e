import { processRows } from './general-rows.js';
import { MEMORY } from './memory-rows.js';
import { REDIS, REDIS_ROWS } from './redis-rows.js';
import type { Row } from './torture.js';

/** Stores that go through what every store goes through. */
const STORES = [MEMORY, REDIS];

export const ROWS: readonly Row[] = [...STORES.flatMap(processRows), ...REDIS_ROWS];
