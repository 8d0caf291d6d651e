import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import {
  type BatchRequest,
  type PlannedBatch,
  type PlanOptions,
  planBatch,
} from '../../src/batch/batch.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

const path = mkdtempSync(join(tmpdir(), 'samekey-'));
const opened: Store[] = [];
afterAll(async () => {
  for (const store of opened) await store.close();
  rmSync(path, { recursive: true, force: true });
});

/** A clock that moves only when a test moves it. */
export class Clock {
  ms = 1_700_000_000_000;
  now = () => this.ms;
  pass(ms: number): void {
    this.ms += ms;
  }
}

const STORES: Record<string, (clock: Clock) => Store> = {
  memory: (clock) => memoryStore({ clock: clock.now }),
  LMDB: (clock) => {
    const store = lmdbStore({ path: join(path, String(opened.length)), clock: clock.now });
    opened.push(store);
    return store;
  },
};

export const HOUR_MS = 60 * 60 * 1000;
export const ask = (content: string, more: object = {}) => ({
  model: 'm',
  max_tokens: 9,
  messages: [{ role: 'user', content }],
  ...more,
});
export const request = (content: string, custom_id?: string): BatchRequest => ({
  ...(custom_id !== undefined && { custom_id }),
  params: ask(content),
});
export const first = <T>([item]: readonly T[]): T => item as T;
export const bodies = (batches: readonly PlannedBatch[]) =>
  batches.map(({ items }) => items.map(({ body }) => JSON.parse(body).messages[0].content));
export const success = (custom_id: string, id = 'msg') => ({
  custom_id,
  result: { type: 'succeeded', message: { id } },
});
export const failure = (custom_id: string, type = 'errored') => ({
  custom_id,
  result: { type, error: { type: 'error' } },
});
/** A provider that creates every batch. */
export function fakeApi() {
  let count = 0;
  return { create: async () => ({ id: `batch_${++count}` }), created: () => count };
}

export const STORE_NAMES = Object.keys(STORES);

/** An empty store with its clock, and a function that plans with it. */
export function setUp(storeName: string, options: Partial<PlanOptions> = {}) {
  const clock = new Clock();
  const store = (STORES[storeName] as (typeof STORES)[string])(clock);
  const plan = (requests: BatchRequest[], more: Partial<PlanOptions> = {}) =>
    planBatch(requests, { store, provider: 'anthropic', ...options, ...more });
  return { clock, store, plan };
}
