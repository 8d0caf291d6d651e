import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, endWithTests, freePort, isInstalled, untilReady } from './process.js';
import { serverUser } from './server-user.js';
import { writeEmptyData } from './templates.js';

/** The folder of versions on Debian. On other systems the programs are on the path. */
const DEBIAN = '/usr/lib/postgresql';

function binaries(): string | undefined {
  if (existsSync(DEBIAN)) {
    const versions = readdirSync(DEBIAN).filter((version) =>
      existsSync(join(DEBIAN, version, 'bin/initdb')),
    );
    const [latest] = versions.sort((a, b) => Number(b) - Number(a));
    if (latest !== undefined) return join(DEBIAN, latest, 'bin');
  }
  const { stdout } = spawnSync('sh', ['-c', 'dirname "$(command -v initdb)"'], {
    encoding: 'utf8',
  });
  return stdout?.startsWith('/') ? stdout.trim() : undefined;
}

const BIN = binaries();
export const hasPostgres = BIN !== undefined;

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Ends the server at once; with `SIGINT` after it has notified its clients and written everything. */
  kill(signal?: 'SIGQUIT' | 'SIGINT'): Promise<void>;
  /** Starts the server again with its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a free port, in a new folder, or a standby that follows `primary`. */
export async function startPostgres(primary?: PostgresServer): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-postgres-'));
  const user = serverUser('postgres');
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? user.uid);
  const data = join(folder, 'data');
  const port = await freePort();
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C.UTF-8' } };
  const runTool = (name: string, ...words: readonly string[]) => {
    const { status, stderr } = spawnSync(join(BIN as string, name), [...words, '--no-sync'], {
      ...options,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
  };
  if (primary === undefined) {
    writeEmptyData('postgres', data, user, (at) =>
      runTool('initdb', '-D', at, '-U', 'samekey', '-A', 'trust', '-E', 'UTF8'),
    );
  } else runTool('pg_basebackup', '-D', data, '-d', primary.url, '-R', '-c', 'fast');

  let child = await start();
  async function start(): Promise<ChildProcess> {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`];
    const server = spawn(
      join(BIN as string, 'postgres'),
      ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...options, stdio: 'ignore' },
    );
    endWithTests(server, 'SIGQUIT');
    await untilReady(() => accepts(port), 'postgres');
    return server;
  }

  // Immediate shutdown: the postmaster ends its children too, as in a crash of all.
  async function kill(signal: 'SIGQUIT' | 'SIGINT' = 'SIGQUIT') {
    child.kill(signal);
    await ended(child);
  }

  return {
    port,
    url: `postgres://samekey@127.0.0.1:${port}/postgres`,
    kill,
    async start() {
      child = await start();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const hasPgBouncer = hasPostgres && isInstalled('pgbouncer');

/** PgBouncer in front of a server. */
export interface PgBouncer {
  readonly url: string;
  /** Returns its log. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts a PgBouncer that shares `size` connections to the server. */
export async function startPgBouncer(
  server: PostgresServer,
  mode: 'transaction' | 'session',
  size: number,
): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-pgbouncer-'));
  const user = serverUser('postgres');
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(
    config,
    `[databases]
postgres = host=127.0.0.1 port=${server.port} user=samekey
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${size}
`,
  );
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? user.uid);
  const child = spawn('pgbouncer', [config], { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
  endWithTests(child);
  let log = '';
  child.stderr.on('data', (data) => {
    log += data;
  });
  await untilReady(() => accepts(port), 'pgbouncer');
  return {
    url: `postgres://samekey@127.0.0.1:${port}/postgres`,
    log: () => log,
    async stop() {
      child.kill('SIGKILL');
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends a startup packet. A server that is ready answers `R` without asking for a password. */
function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    const body = Buffer.from('\0\u0003\0\0user\0samekey\0database\0postgres\0\0', 'latin1');
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    socket.on('error', reject);
    socket.on('connect', () => socket.write(Buffer.concat([length, body])));
    socket.on('data', (data) => {
      socket.destroy();
      if (data[0] === 'R'.charCodeAt(0)) resolve();
      else reject(new Error(data.toString()));
    });
    socket.on('close', () => reject(new Error('closed')));
  });
}
