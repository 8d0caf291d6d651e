/** A Redis server on a free port, in a folder of its own, for as long as an example runs. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export const hasRedisServer = () =>
  spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

/** @param {...string} more of its options */
export async function startRedisServer(...more) {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'samekey-example-'));
  const own = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''];
  const server = spawn('redis-server', [...own, ...more], { stdio: 'ignore' });
  await once(server, 'spawn'); // or an error, if there is no such program
  // However this process ends, the server ends with it.
  const kill = () => server.kill();
  process.on('exit', kill);

  const client = new Redis(port).on('error', () => {}); // it comes again until there is a server
  await client.ping();
  client.disconnect();
  return {
    port,
    pid: server.pid,
    async stop() {
      process.off('exit', kill);
      kill();
      await once(server, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
