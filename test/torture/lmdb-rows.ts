import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PlainStore } from './general-rows.js';
import { sharedClockMs } from './history.js';
import { cannotMount, mount, unmount } from './small-disk.js';
import type { Row, Subject } from './torture.js';

const PROGRAM = fileURLToPath(new URL('../../dist/cli/samekey.js', import.meta.url));
const folder = () => mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
const remove = (path: string) => rmSync(path, { recursive: true, force: true });

export const LMDB: PlainStore = {
  store: 'LMDB',
  missing: () => undefined,
  async start() {
    const path = folder();
    return { at: [{ kind: 'lmdb', path }], stop: async () => remove(path) };
  },
};

/** Another file fills the disk, and is then shortened. */
async function diskFull(): Promise<Subject> {
  const path = folder();
  if (!mount(path)) throw new Error('mount failed');
  const filler = join(path, 'filler');
  return {
    at: [{ kind: 'lmdb', path: join(path, 'records') }],
    async fault(_, next) {
      const { bavail, bsize } = statfsSync(path);
      try {
        writeFileSync(filler, Buffer.alloc(bavail * bsize));
      } catch {
        // The disk is full now.
      }
      await sleep(500 + next() * 2500);
      remove(filler);
      return 'full';
    },
    async stop() {
      unmount(path);
      remove(path);
    },
  };
}

/** Copies the folder with `cp -r` while it is written, and lists the copy with the program. */
async function copied(): Promise<Subject> {
  const path = folder();
  return {
    at: [{ kind: 'lmdb', path }],
    async fault(crew) {
      const copy = `${path}-copy`;
      const beganAt = sharedClockMs();
      await promisify(execFile)('cp', ['-r', path, copy]);
      const args = [
        PROGRAM,
        'store',
        'ls',
        '--store',
        `lmdb:${copy}`,
        '--json',
        '--limit',
        '100000',
      ];
      const listed = await promisify(execFile)(process.execPath, args, {
        maxBuffer: 2 ** 28,
        timeout: 30_000,
      }).catch(() => undefined);
      if (existsSync(copy)) remove(copy);
      if (listed === undefined) {
        crew.note({ type: 'told', what: 'copy cannot be read' });
        return 'copied';
      }
      const isThere = new Set(/ik_[0-9a-f]{64}/g[Symbol.match](listed.stdout) ?? []);
      const history = crew.history();
      const evicted = new Set(
        history.flatMap((event) => (event.type === 'evict' ? event.key : [])),
      );
      const kept = history.flatMap((event) =>
        event.type === 'completed' && event.isKept && event.at < beganAt ? event.key : [],
      );
      const isWhole = kept.every((key) => isThere.has(key) || evicted.has(key));
      crew.note({ type: 'told', what: isWhole ? 'copy is whole' : 'copy lacks results' });
      return 'copied';
    },
    stop: async () => remove(path),
  };
}

const OWN_ROWS: readonly Omit<Row, 'store'>[] = [
  {
    name: 'LMDB: disk full',
    fault: 'the disk is full for a while',
    unless: 'the `lmdb` package aborts the process; acknowledged results stay',
    mayHappen: ['crash'],
    missing: cannotMount,
    load: { largeBytes: 20_000 },
    start: diskFull,
  },
  {
    name: 'LMDB: copied',
    fault: 'the folder is copied while it is used (`cp -r`)',
    start: copied,
  },
];

export const LMDB_ROWS: readonly Row[] = OWN_ROWS.map((row) => ({ ...row, store: 'LMDB' }));
