import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../../src/store/lmdb.js';
import type { ClaimRequest } from '../../../src/store/store.js';
import { deep } from '../../depth.js';

const PROGRAM = fileURLToPath(new URL('../process.mjs', import.meta.url));
// Without a disk the most transactions are committed while a process opens the database.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

const request: ClaimRequest = {
  owner: 'owner',
  leaseMs: 60_000,
  ttlMs: 60_000,
  fingerprint: undefined,
  takeUnknown: false,
  takeFinished: false,
};

/** Starts the program of `process.mjs`, and collects its lines. */
function start(path: string, mode: string, ...rest: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, path, mode, ...rest], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  return { child, lines };
}

/** The file that a process makes while it opens the database. */
const fileOf = (path: string) => join(path, 'samekey-opening');

/** Makes the file as late as it may be, because it counts for two seconds. */
function startOpening(path: string): void {
  writeFileSync(fileOf(path), '');
  const soon = Date.now() / 1000 + 1.9;
  utimesSync(fileOf(path), soon, soon);
}

describe('a process that opens an LMDB store', () => {
  it('keeps others from committing meanwhile', async () => {
    const path = join(folder, 'held');
    const store = lmdbStore({ path });
    expect((await store.claim('before', request)).claimed).toBe(true);
    expect(existsSync(fileOf(path))).toBe(false);

    startOpening(path);
    const claims = ['a', 'b'].map((key) => store.claim(key, request));
    const first = await Promise.race([...claims, sleep(100, 'none')]);
    expect(first).toBe('none');
    expect((await store.read('a')).record).toBeUndefined();
    rmSync(fileOf(path));
    expect((await Promise.all(claims)).map(({ claimed }) => claimed)).toEqual([true, true]);
    await store.close();
  });

  it('keeps a store from closing before its writes are committed', async () => {
    const path = join(folder, 'closing');
    const store = lmdbStore({ path });
    startOpening(path);
    const claim = store.claim('key', request);
    const closing = store.close();
    expect(await Promise.race([closing, sleep(50, 'open')])).toBe('open');
    rmSync(fileOf(path));
    expect((await claim).claimed).toBe(true);
    await closing;
    const again = lmdbStore({ path });
    expect((await again.read('key')).record?.owner).toBe('owner');
    await again.close();
  });

  it('waits for another one', async () => {
    const path = join(folder, 'two');
    await lmdbStore({ path }).close();
    startOpening(path);
    // However long the program takes to load.
    const opening = setInterval(startOpening, 500, path);
    try {
      const { lines } = start(path, 'open', 'key');
      await expect.poll(() => lines, { timeout: 60_000 }).toEqual(['opening']);
      await sleep(500);
      expect(lines).toEqual(['opening']);
      clearInterval(opening);
      rmSync(fileOf(path));
      await expect.poll(() => lines, { timeout: 60_000 }).toEqual(['opening', 'ready', 'claimed']);
    } finally {
      clearInterval(opening);
    }
    expect(existsSync(fileOf(path))).toBe(false);
  });

  it('stops nobody for long if it is killed', async () => {
    const path = join(folder, 'killed');
    const store = lmdbStore({ path });
    writeFileSync(fileOf(path), '');
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(fileOf(path), longAgo, longAgo);
    expect((await store.claim('key', request)).claimed).toBe(true);
    await store.close();
    expect(existsSync(fileOf(path))).toBe(true);
    await lmdbStore({ path }).close();
    expect(existsSync(fileOf(path))).toBe(false);
  });

  const OPENINGS = deep(3, 25);
  it(`loses no acknowledged record of others, ${OPENINGS} times`, async () => {
    const path = join(folder, 'busy');
    const writers = ['a', 'b'].map((name) => start(path, 'write', name));
    const lineCount = () => writers.reduce((sum, { lines }) => sum + lines.length, 0);
    for (let opening = 0; opening < OPENINGS; opening++) {
      const { child, lines } = start(path, 'complete', `of ${opening}`);
      await expect.poll(() => lines, { timeout: 60_000 }).toEqual(['ready', 'claimed']);
      child.kill('SIGKILL');
      const before = lineCount();
      await expect.poll(lineCount, { timeout: 60_000 }).toBeGreaterThan(before + 10);
    }
    for (const { child } of writers) child.kill('SIGKILL');
    const acknowledged = writers.flatMap(({ lines }) => lines);
    const store = lmdbStore({ path });
    const lost: string[] = [];
    for (const line of acknowledged) {
      const [what, key = ''] = line.split(' ');
      const { record } = await store.read(key);
      if (record === undefined || (what === 'done' && record.state !== 'done')) lost.push(line);
    }
    expect(lost).toEqual([]);
    for (let opening = 0; opening < OPENINGS; opening++) {
      expect((await store.read(`of ${opening}`)).record?.state).toBe('running');
    }
    await store.close();
  });
});
