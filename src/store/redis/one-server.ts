import { randomUuid } from '../../runtime/runtime.js';
import type { Connection } from './client.js';
import type { ScriptRunner } from './script-runner.js';

/** How many keys are tried. Two shards of the same size hold all of them once in 32,768 times. */
const KEY_COUNT = 16;

const OWNER = 'one-server';
/** `leaseMs`, `ttlMs`, `takeUnknown` and `takeFinished` of a claim that nobody else makes. */
const TERMS = ['10000', '10000', '0', '0'];

/**
 * Whether one command may be about any keys: the client talks to one server. In a cluster each
 * command goes to the node of its first key. A proxy in front of several servers (twemproxy, Envoy)
 * does the same without an error: records would be on a server that is not asked for them. The
 * server must therefore say in `INFO` what it is, and records that were written by one command must
 * be found one by one.
 */
export async function isOneServer(
  connection: Connection,
  scripts: ScriptRunner,
  prefix: string,
): Promise<boolean> {
  if (connection.isCluster) return false;
  try {
    const [send] = await connection.masters();
    const info = String(await send?.(['INFO', 'server']));
    if (!/^run_id:/m.test(info) || !/^redis_mode:(?!cluster)/m.test(info)) return false;
    const id = randomUuid();
    const keys = Array.from({ length: KEY_COUNT }, (_, at) => `${prefix}one-server:${id}:${at}`);
    const terms = [...TERMS, ...keys.flatMap(() => [OWNER, ''])];
    const reply = await scripts.run('claim', keys as [string, ...string[]], terms);
    const [, ...claimed] = reply as unknown[];
    const released = await Promise.all(keys.map((key) => scripts.run('release', [key], [OWNER])));
    return (
      claimed.length === KEY_COUNT && [...claimed, ...released].every((one) => Number(one) === 1)
    );
  } catch {
    // The user may not run `INFO`, or the proxy refuses the command.
    return false;
  }
}
