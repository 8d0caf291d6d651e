import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SMALL_BYTES = 24 * 1024 * 1024;

/** Mounts a small disk at a folder, and returns whether that was possible. */
export const mount = (path: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_BYTES}`, 'tmpfs', path]).status === 0;
export const unmount = (path: string) => spawnSync('umount', ['-l', path]);

/** Why no disk can be mounted, if that is so. */
export function cannotMount(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'samekey-disk-'));
  const isMounted = mount(path);
  if (isMounted) unmount(path);
  rmSync(path, { recursive: true, force: true });
  return isMounted ? undefined : 'a tmpfs cannot be mounted here';
}
