import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { ended, endWithTests, freePort, isInstalled, untilReady } from './process.js';
import { serverUser } from './server-user.js';
import { writeEmptyData } from './templates.js';

export const hasMariadb = existsSync('/usr/sbin/mariadbd') || isInstalled('mariadbd');

export interface MariadbServer {
  readonly url: string;
  /** For the user `admin`, who may do everything. */
  readonly adminUrl: string;
  readonly port: number;
  /** Runs statements as that user. */
  admin(...statements: readonly string[]): Promise<void>;
  /** Ends the server at once. */
  kill(): Promise<void>;
  /** Starts the server again with its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The user of the tests, who may do with the database `app` what a program may. */
const SETUP = [
  'CREATE DATABASE app;',
  `CREATE USER samekey@'127.0.0.1' IDENTIFIED BY 'secret';`,
  `GRANT ALL ON app.* TO samekey@'127.0.0.1';`,
  `CREATE USER admin@'127.0.0.1' IDENTIFIED BY 'secret';`,
  `GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;`,
];

/** Starts a server on a free port, in a new folder, with these settings. */
export async function startMariadb(...settings: readonly `--${string}`[]): Promise<MariadbServer> {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-mariadb-'));
  const user = serverUser('mysql');
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? user.uid);
  const data = join(folder, 'data');
  const port = await freePort();
  // The folder for temporary files of the tests may not be open to the other user.
  const options = { ...user, cwd: folder, env: { ...process.env, TMPDIR: folder } };
  const setup = join(folder, 'setup.sql');
  writeFileSync(setup, SETUP.join('\n'));
  writeEmptyData('mariadb', data, user, (at) => {
    const { status, stdout, stderr } = spawnSync(
      'mariadb-install-db',
      [
        '--no-defaults',
        `--datadir=${at}`,
        '--skip-test-db',
        '--auth-root-authentication-method=normal',
      ],
      { ...options, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`mariadb-install-db: ${stdout}${stderr}`);
  });

  const adminUrl = `mysql://admin:secret@127.0.0.1:${port}/app`;
  let child = await start(`--init-file=${setup}`);
  async function start(...more: readonly string[]): Promise<ChildProcess> {
    const server = spawn(
      existsSync('/usr/sbin/mariadbd') ? '/usr/sbin/mariadbd' : 'mariadbd',
      [
        '--no-defaults',
        `--datadir=${data}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(folder, 'socket')}`,
        '--skip-name-resolve',
        '--innodb-buffer-pool-size=32M',
        ...settings,
        ...more,
      ],
      { ...options, stdio: 'ignore' },
    );
    endWithTests(server);
    await untilReady(() => admin('SELECT 1'), 'mariadbd');
    return server;
  }

  async function admin(...statements: readonly string[]) {
    const connection = await createConnection(adminUrl);
    try {
      for (const statement of statements) await connection.query(statement);
    } finally {
      await connection.end();
    }
  }

  async function kill() {
    child.kill('SIGKILL');
    await ended(child);
  }

  return {
    port,
    adminUrl,
    url: `mysql://samekey:secret@127.0.0.1:${port}/app`,
    admin,
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
