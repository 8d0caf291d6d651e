/** Starts `samekey proxy` as a process of its own on a free port: for examples. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const manifest = createRequire(import.meta.url).resolve('samekey/package.json');
const PROGRAM = join(dirname(manifest), 'dist/cli/samekey.js');

/** @param {readonly string[]} args of `samekey proxy`, such as `--upstream`, and its URL */
export async function startProxy(...args) {
  const child = spawn(process.execPath, [PROGRAM, 'proxy', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  // Its log says in the first line where it listens.
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('samekey proxy did not start'))),
  ]);
  return {
    url: JSON.parse(line).url,
    /** Lets it finish what is under way. */
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
