/** A PostgreSQL server with default settings, on a free port and in a new folder. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** The folder of versions on Debian. On other systems the programs are on the path. */
const DEBIAN = '/usr/lib/postgresql';
const START_MS = 60_000;

export async function startPostgresServer() {
  const programs = existsSync(DEBIAN)
    ? path.join(
        DEBIAN,
        readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a))[0] ?? '',
        'bin',
      )
    : '';
  const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-postgres-'));
  const user = ordinaryUser();
  if (user) chownSync(folder, user.uid, user.gid);
  const data = path.join(folder, 'data');
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C.UTF-8' } };
  const init = spawnSync(
    path.join(programs, 'initdb'),
    ['-D', data, '-U', 'samekey', '-A', 'trust', '-E', 'UTF8'],
    { ...options, encoding: 'utf8' },
  );
  if (init.status !== 0) throw new Error(`initdb: ${init.error?.message ?? init.stderr}`);

  const port = await freePort();
  const server = spawn(
    path.join(programs, 'postgres'),
    ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', folder],
    { ...options, stdio: 'ignore' },
  );
  // SIGINT is the fast shutdown, which does not wait for clients.
  const kill = () => server.kill('SIGINT');
  process.on('exit', kill);
  const url = `postgres://samekey@127.0.0.1:${port}/postgres`;
  await untilAnswered(url);
  return {
    url,
    pid: /** @type {number} */ (server.pid),
    async stop() {
      process.off('exit', kill);
      kill();
      await once(server, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root. */
function ordinaryUser() {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (/** @type {string} */ flag) =>
    Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @param {string} url */
async function untilAnswered(url) {
  const until = performance.now() + START_MS;
  for (;;) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(100);
    }
  }
}
