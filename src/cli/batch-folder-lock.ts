/** The lock of a plan's folder: only one process plans there at a time. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printable } from '../text/printable.js';
import { CliError, EXIT } from './exit-codes.js';

/** A lock file contains the id of the process that created it. A stale one is never reused. */
const LOCK = /^turn-\d+$/;

/** Creates the next lock file and returns its path; fails while another process holds the lock. */
export async function lockFolder(folder: string): Promise<string> {
  const draft = join(folder, `${randomUUID()}.part`);
  // Linking makes the file visible to other processes only once it is complete.
  await writeFile(draft, `${process.pid} ${startTimeOf(process.pid)}`);
  try {
    for (let number = 1; ; number++) {
      const path = join(folder, `turn-${number}`);
      try {
        await link(draft, path);
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const [pid, startTime] = (await readFile(path, 'utf8').catch(() => '0')).split(' ');
      if (isAlive(Number(pid), startTime)) {
        throw new CliError(
          EXIT.no,
          `${printable(folder)}: process ${pid} is planning there, wanted another --out`,
        );
      }
    }
  } finally {
    await rm(draft);
  }
}

/** Removes all lock files: a folder with a finished plan needs none. */
export async function unlockFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (LOCK.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** Whether this process runs. After a reboot, another process may have its id. */
function isAlive(pid: number, startTime: string | undefined): boolean {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !startTime || startTime === startTimeOf(pid);
}

/** When a process started, on Linux; an empty text elsewhere. */
function startTimeOf(pid: number): string {
  try {
    // proc_pid_stat(5): field 22. Field 2 is in parentheses and may contain any characters.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')')).split(' ')[20] ?? '';
  } catch {
    return '';
  }
}
