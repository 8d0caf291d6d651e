/** Whose turn it is to plan in a folder, where several may come at the same time. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError, EXIT } from './exit-codes.js';
import { printable } from './terminal.js';

/** Each is made by one process, which is named in it. */
const TURN = /^turn-\d+$/;

/** The file of a turn that is this process's own: the next one after those of processes that ended. */
export async function takeTurn(folder: string): Promise<string> {
  const mine = join(folder, `${randomUUID()}.part`);
  // Complete when it gets the name that others look for.
  await writeFile(mine, `${process.pid} ${startOf(process.pid)}`);
  try {
    for (let turn = 1; ; turn++) {
      const path = join(folder, `turn-${turn}`);
      try {
        await link(mine, path);
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const [pid, start] = (await readFile(path, 'utf8').catch(() => '0')).split(' ');
      if (isAlive(Number(pid), start)) {
        throw new CliError(
          EXIT.no,
          `${printable(folder)}: process ${pid} is planning there, wanted another --out`,
        );
      }
    }
  } finally {
    await rm(mine);
  }
}

/** Where there is a plan nobody has to wait. */
export async function endTurns(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TURN.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** Whether it is the process that wrote this; after a restart its number may be another one's. */
function isAlive(pid: number, start: string | undefined): boolean {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !start || start === startOf(pid);
}

/** When a process began, where Linux tells; else nothing. */
function startOf(pid: number): string {
  try {
    // proc_pid_stat(5): the 22nd field, of which the second may have anything in its parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')')).split(' ')[20] ?? '';
  } catch {
    return '';
  }
}
