import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerUser } from './server-user.js';

/** Names the folder of the templates to all processes of the tests. A name that begins with `SAMEKEY_` would be a setting. */
const VARIABLE = 'TEST_SERVER_TEMPLATES';

/** Runs once, before all tests. */
export function setup(): void {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-templates-'));
  // The servers run as users of their own.
  chmodSync(folder, 0o711);
  process.env[VARIABLE] = folder;
}

/** Runs once, after all tests. */
export function teardown(): void {
  rmSync(process.env[VARIABLE] as string, { recursive: true, force: true });
}

/**
 * Puts the data of an empty server into the folder `data`. `make` writes it, once for all tests: the others copy
 * it. For PostgreSQL that takes 0.15 s instead of 1 s, for MariaDB 0.4 s instead of 4 s.
 */
export function writeEmptyData(
  server: string,
  data: string,
  user: ServerUser,
  make: (data: string) => void,
): void {
  const folder = process.env[VARIABLE];
  if (folder === undefined) {
    make(data);
    return;
  }
  const template = join(folder, server);
  if (!existsSync(template)) {
    const attempt = mkdtempSync(`${template}-`);
    if (user.uid !== undefined) chownSync(attempt, user.uid, user.gid ?? user.uid);
    make(join(attempt, 'data'));
    try {
      renameSync(join(attempt, 'data'), template);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(template)) throw error;
    }
    rmSync(attempt, { recursive: true, force: true });
  }
  const { status, stderr } = spawnSync('cp', ['-a', template, data], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cp: ${stderr}`);
}
