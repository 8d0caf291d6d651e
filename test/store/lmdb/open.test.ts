import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../../src/store/lmdb.js';
import { expectThrown, thrownBy } from '../../errors/thrown.js';
import { request } from '../requests.js';

const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder filled by `fill`. */
function folderOf(name: string, fill: (path: string) => void): string {
  const path = join(folder, name);
  mkdirSync(path);
  fill(path);
  return path;
}

/** A store with a record in it, closed. */
async function written(path: string): Promise<string> {
  const store = lmdbStore({ path });
  await store.claim('key', request('owner'));
  await store.close();
  return path;
}

/** Checks that opening it throws, instead of ending this process. */
function expectRefused(path: string, message: RegExp): void {
  expectThrown(() => lmdbStore({ path }), Error, { code: 'SAMEKEY_STORE', message });
  const { cause } = thrownBy(() => lmdbStore({ path })) as Error;
  expect(cause).toBeInstanceOf(Error);
}

describe('an LMDB store that cannot be opened says why', () => {
  it('where its folder cannot be', () => {
    const file = join(folder, 'a file');
    writeFileSync(file, 'text');
    expectRefused(
      file,
      /^Cannot open the LMDB store at ".*a file": it is not a folder, wanted one$/,
    );
    expectRefused(join(file, 'under'), /ENOTDIR.*, wanted a folder on a disk of this machine/);
    expectRefused(join(folder, 'x'.repeat(300)), /ENAMETOOLONG/);
  });

  // LMDB ends the process with a signal for most of these.
  it('where its files are not those of LMDB', async () => {
    const data = (name: string, bytes: Uint8Array | string) =>
      folderOf(name, (path) => writeFileSync(join(path, 'data.mdb'), bytes));
    const damaged = /its data\.mdb is not a database of LMDB, or is damaged, wanted one that LMDB/;
    expectRefused(data('short', 'text'), damaged);
    expectRefused(data('text', 'text '.repeat(10_000)), damaged);
    expectRefused(data('zeros', new Uint8Array(20_000)), damaged);
    for (const name of ['data.mdb', 'lock.mdb']) {
      const path = folderOf(`folder ${name}`, (at) => mkdirSync(join(at, name)));
      expectRefused(
        path,
        /its (?:data|lock)\.mdb is not a file, wanted one that LMDB made, or none/,
      );
    }
    for (const bytes of [4096, 8192]) {
      const path = await written(join(folder, `cut at ${bytes}`));
      truncateSync(join(path, 'data.mdb'), bytes);
      expectRefused(path, damaged);
    }
  });

  it('and one whose data.mdb is empty is opened as a new one', async () => {
    const path = folderOf('empty', (at) => writeFileSync(join(at, 'data.mdb'), ''));
    await written(path);
    const store = lmdbStore({ path });
    expect((await store.read('key')).record?.owner).toBe('owner');
    await store.close();
  });

  it('while other processes make the same database', async () => {
    const program = fileURLToPath(new URL('../process.mjs', import.meta.url));
    // One shell starts them all, so that they start at the same time.
    const command = 'for i in 1 2 3 4 5 6; do echo go | "$0" "$1" "$2" claim "key-$i" & done; wait';
    for (let round = 0; round < 3; round++) {
      const { stdout, stderr } = spawnSync(
        'sh',
        ['-c', command, process.execPath, program, join(folder, `made ${round}`)],
        { encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      expect(stdout.match(/\["key-\d"\]/g)).toHaveLength(6);
    }
  });
});

const isRoot = process.getuid?.() === 0;
/** A mount that only the process sees, and that ends with it. */
const unshare = ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--mount'];
const [program = '', ...options] = unshare;
const canMount =
  spawnSync(program, [...options, 'mount', '-t', 'tmpfs', 'tmpfs', folder]).status === 0;
if (!canMount) console.warn('A full disk is not tested: this process may not mount one.');

describe('an LMDB store on a file system that does not let it', () => {
  /** The output of a process that opens the store at `path`, after `command` has prepared it. */
  const opened = (command: string, ...wrapper: string[]) => {
    const program = `
      const { lmdbStore } = await import(${JSON.stringify(new URL('../../../dist/store/lmdb.js', import.meta.url).href)});
      try {
        await lmdbStore({ path: process.argv[1] }).close();
        console.log('open');
      } catch (error) {
        console.log(error.code + ' ' + error.message + ' | ' + error.cause.message);
      }`;
    const [shell = 'sh', ...rest] = [...wrapper, 'sh'];
    const { stdout, stderr, signal } = spawnSync(
      shell,
      [...rest, '-ec', command, process.execPath, '--input-type=module', '-e', program],
      { encoding: 'utf8', cwd: folder },
    );
    expect({ stderr, signal }).toEqual({ stderr: '', signal: null });
    return stdout.trim();
  };

  it.skipIf(process.platform === 'win32')('says so where it may not write', () => {
    const path = folderOf('locked', (at) => chmodSync(at, 0o555));
    chmodSync(folder, 0o755);
    const nobody = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const text = opened(`"$0" "$@" '${path}'`, ...nobody);
    expect(text).toMatch(/^SAMEKEY_STORE Cannot open the LMDB store at .*ermission denied/);
    expect(opened(`"$0" "$@" '${path}/new'`, ...nobody)).toMatch(/^SAMEKEY_STORE .*EACCES/);
  });

  it.skipIf(!canMount && !process.env.CI)(
    'says so where the disk is full or cannot be written to',
    () => {
      const at = folderOf('mounted', () => {});
      const full = opened(
        `mount -t tmpfs -o size=16k tmpfs '${at}'; "$0" "$@" '${at}/db'`,
        ...unshare,
      );
      expect(full).toMatch(
        /^SAMEKEY_STORE .*: the disk has 16384 bytes left, wanted 524288 or more/,
      );
      const fixed = opened(
        `mount -t tmpfs tmpfs '${at}'; "$0" "$@" '${at}/db' >/dev/null 2>&1; mount -o remount,ro '${at}'; "$0" "$@" '${at}/db'`,
        ...unshare,
      );
      expect(fixed).toMatch(/SAMEKEY_STORE .*Read-only file system/);
    },
  );
});
