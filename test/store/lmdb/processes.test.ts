import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../../src/store/lmdb.js';
import type { StoreRecord } from '../../../src/store/store.js';
import { deep } from '../../depth.js';

const PROGRAM = fileURLToPath(new URL('../process.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const children = new Set<ChildProcessByStdio<Writable, Readable, null>>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

function start(path: string, mode: string, ...rest: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, path, mode, ...rest], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines: string[] = [];
  const reader = createInterface(child.stdout).on('line', (line) => lines.push(line));
  const ended = Promise.all([once(child, 'exit'), once(reader, 'close')]);
  return {
    child,
    lines,
    ended,
    /** Waits for `count` lines of output. */
    async has(count: number): Promise<void> {
      while (lines.length < count) {
        await Promise.race([
          once(reader, 'line'),
          ended.then(() => {
            if (lines.length < count) throw new Error(`it ended after ${lines.length} lines`);
          }),
        ]);
      }
    },
  };
}

async function recordsIn(path: string): Promise<Map<string, StoreRecord>> {
  const store = lmdbStore({ path });
  const records = new Map<string, StoreRecord>();
  for await (const { key, record } of store.list?.() ?? []) records.set(key, record);
  await store.close();
  return records;
}

describe('processes that share an LMDB store', () => {
  const ROUNDS = deep(2, 4);
  it(`lose nothing that was acknowledged when they are killed ${ROUNDS} times while they write`, async () => {
    const path = join(folder, 'killed');
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const writers = [0, 1, 2].map((index) => start(path, 'write', `${round}-${index}`));
      await Promise.all(writers.map((writer) => writer.has(20 + 7 * round)));
      for (const { child } of writers) child.kill('SIGKILL');
      await Promise.all(writers.map(({ ended }) => ended));
      acknowledged.push(...writers.flatMap(({ lines }) => lines));

      const records = await recordsIn(path);
      for (const line of acknowledged) {
        const [what, key = ''] = line.split(' ');
        const record = records.get(key);
        expect(record?.owner, line).toBe(key.slice(0, 3));
        if (what === 'done') expect(record?.state, line).toBe('done');
      }
      // A write that was not acknowledged is either complete or absent.
      for (const [key, { state, payload }] of records) {
        const index = Number(key.split('-')[2]);
        const whole = new Uint8Array(index * 100).fill(index);
        expect(payload, key).toEqual(state === 'done' ? whole : undefined);
      }
    }
  });

  it('have one winner for each key that eight of them claim at once', async () => {
    const path = join(folder, 'claimed');
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    const processes = Array.from({ length: 8 }, () => start(path, 'claim', ...keys));
    await Promise.all(processes.map((each) => each.has(1)));
    for (const { child } of processes) child.stdin.write('go\n');
    await Promise.all(processes.map(({ ended }) => ended));
    const won = processes.flatMap(({ lines }) => JSON.parse(lines[1] ?? '') as string[]);
    expect(won.sort()).toEqual([...keys].sort());
    const owners = new Map<string, string>();
    for (const { child, lines } of processes) {
      for (const key of JSON.parse(lines[1] ?? '')) owners.set(key, String(child.pid));
    }
    for (const [key, { owner }] of await recordsIn(path)) expect(owner).toBe(owners.get(key));
  });

  it('are notified of changes by another process', async () => {
    const path = join(folder, 'watched');
    const store = lmdbStore({ path });
    const other = start(path, 'complete', 'key');
    await other.has(2);
    const told = new Promise<void>((resolve) => void store.watch?.('key', resolve));
    expect((await store.read('key')).record?.state).toBe('running');
    other.child.stdin.write('go\n');
    await told;
    expect((await store.read('key')).record?.payload).toEqual(new Uint8Array([7]));
    await other.ended;
    await store.close();
  });

  it.skipIf(process.platform === 'win32')('say so when the disk is full, and live on', () => {
    const path = join(folder, 'full');
    // Limits the size of files, in blocks of 512 or 1024 bytes, depending on the shell.
    const command = 'ulimit -f 2000 && exec "$0" "$@"';
    const { status, stdout, signal } = spawnSync(
      'sh',
      ['-c', command, process.execPath, PROGRAM, path, 'fill'],
      { encoding: 'utf8', timeout: 100_000 },
    );
    expect({ status, signal, lines: stdout.trim().split('\n') }).toEqual({
      status: 0,
      signal: null,
      // What LMDB says of a write that was cut short, and of one that starts at the limit.
      lines: [expect.stringMatching(/^(?:5 Input\/output error|27 File too large)$/), 'done'],
    });
  });
});
