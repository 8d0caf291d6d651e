import { spawnSync } from 'node:child_process';

export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** Returns the user that a database runs as: a database refuses to run as root. */
export function serverUser(name: string): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}
