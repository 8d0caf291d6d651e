import { randomUuid } from '../../runtime/runtime.js';
import type { Connection } from './client.js';

/** How many keys are tried. Two shards of the same size hold all of them once in 32,768 times. */
const KEY_COUNT = 16;

interface Steps {
  /** Claims all keys with one command; returns whether each was granted. */
  claimTogether(keys: readonly [string, ...string[]]): Promise<boolean>;
  release(key: string): Promise<boolean>;
}

/**
 * Whether one command may be about any keys: the client talks to one server. In a cluster each
 * command goes to the node of its first key. A proxy in front of several servers (twemproxy, Envoy)
 * does the same without an error: records would be on a server that is not asked for them. The
 * server must therefore say in `INFO` what it is, and records that were written by one command must
 * be found one by one.
 */
export async function isOneServer(
  connection: Connection,
  { claimTogether, release }: Steps,
): Promise<boolean> {
  if (connection.isCluster) return false;
  try {
    const [send] = await connection.masters();
    const info = String(await send?.(['INFO', 'server']));
    if (!/^run_id:/m.test(info) || !/^redis_mode:(?!cluster)/m.test(info)) return false;
    const id = randomUuid();
    const keys = Array.from({ length: KEY_COUNT }, (_, at) => `one-server:${id}:${at}`);
    if (!(await claimTogether(keys as [string, ...string[]]))) return false;
    const found = await Promise.all(keys.map(release));
    return !found.includes(false);
  } catch {
    // The user may not run `INFO`, or the proxy refuses the command.
    return false;
  }
}
