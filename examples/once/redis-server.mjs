/** Starts a Redis server on a free port, in a new folder, for the time of an example. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export const hasRedisServer = () =>
  spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

/** @param {...string} more options of the server */
export async function startRedisServer(...more) {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'samekey-example-'));
  const own = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''];
  const server = spawn('redis-server', [...own, ...more], { stdio: 'ignore' });
  await once(server, 'spawn'); // or an error, if the program is not installed
  // The server ends with this process, however that ends.
  const kill = () => server.kill();
  process.on('exit', kill);

  const client = new Redis(port).on('error', () => {}); // reconnects until the server is up
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
