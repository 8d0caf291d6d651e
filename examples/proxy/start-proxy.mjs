/** Starts `samekey proxy` in another process, on a free port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const manifest = createRequire(import.meta.url).resolve('samekey/package.json');
const PROGRAM = join(dirname(manifest), 'dist/cli/samekey.js');

/** @param {readonly string[]} args of `samekey proxy`, for example `--upstream` and its URL */
export async function startProxy(...args) {
  const child = spawn(process.execPath, [PROGRAM, 'proxy', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  // The first line of its log has the address.
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('samekey proxy did not start'))),
  ]);
  return {
    url: JSON.parse(line).url,
    /** Ends the proxy after the requests in progress. */
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
