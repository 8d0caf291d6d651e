import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlainStore } from './general-rows.js';
import { cannotMount, mount, unmount } from './small-disk.js';
import type { Row, Subject } from './torture.js';

const folder = () => mkdtempSync(join(tmpdir(), 'samekey-sqlite-'));
const remove = (path: string) => rmSync(path, { recursive: true, force: true });

export const SQLITE: PlainStore = {
  store: 'SQLite',
  missing: () => undefined,
  async start() {
    const path = folder();
    return { at: [{ kind: 'sqlite', path }], stop: async () => remove(path) };
  },
};

/** Another file fills the disk, and is then removed. */
async function diskFull(): Promise<Subject> {
  const path = folder();
  if (!mount(path)) throw new Error('mount failed');
  const filler = join(path, 'filler');
  return {
    at: [{ kind: 'sqlite', path }],
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

export const SQLITE_ROWS: readonly Row[] = [
  {
    store: 'SQLite',
    name: 'SQLite: disk full',
    fault: 'the disk is full for a while',
    missing: cannotMount,
    load: { largeBytes: 20_000 },
    start: diskFull,
  },
];
