import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { afterAll, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../../src/store/lmdb.js';
import type { StoreRecord } from '../../../src/store/store.js';
import { deep } from '../../depth.js';
import { request } from '../requests.js';

const ROUNDS = deep(2, 5);
const PROGRAM = fileURLToPath(new URL('../process.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function recordsIn(path: string): Promise<Map<string, StoreRecord>> {
  const store = lmdbStore({ path });
  const records = new Map<string, StoreRecord>();
  for await (const { key, record } of store.list?.() ?? []) records.set(key, record);
  // The copy is a complete store.
  expect((await store.claim('of the copy', request('copy'))).claimed).toBe(true);
  await store.close();
  return records;
}

/** A process that finishes one key after another, and the keys that were acknowledged. */
function startWriter(path: string, name: string) {
  const child = spawn(process.execPath, [PROGRAM, path, 'write', name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const finished: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    const [what, key = ''] = line.split(' ');
    if (what === 'done') finished.push(key);
  });
  return { child, finished };
}

describe('an LMDB store that is copied by LMDB while processes write', () => {
  it(`is copied as a whole, ${ROUNDS} times: each record that was acknowledged before`, async () => {
    const path = join(folder, 'store');
    await recordsIn(path);
    const writers = ['a', 'b'].map((name) => startWriter(path, name));
    const next = () => Promise.all(writers.map(({ child }) => once(child.stdout, 'data')));
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await next();
        const finished = writers.flatMap((writer) => [...writer.finished]);
        const copy = join(folder, `copy ${round}`);
        mkdirSync(copy);
        // LMDB opens a folder once in a process: here the store has opened it.
        const store = lmdbStore({ path });
        const database = open({ path, noSubdir: false });
        await database.backup(copy, false);
        await database.close();
        await store.close();

        const records = await recordsIn(copy);
        for (const key of finished) expect(records.get(key)?.state, key).toBe('done');
        for (const [key, { state, payload }] of records) {
          if (key === 'of the copy') continue;
          const index = Number(key.split('-')[1]);
          if (state !== 'done') expect(payload, key).toBeUndefined();
          // `toEqual` takes seconds for the megabytes of a long run.
          else
            expect(Buffer.alloc(index * 100, index).equals(payload as Uint8Array), key).toBe(true);
        }
      }
      expect(writers.flatMap(({ finished }) => finished).length).toBeGreaterThan(4);
    } finally {
      for (const { child } of writers) child.kill('SIGKILL');
    }
  });
});
