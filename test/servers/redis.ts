import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, endWithTests, freePort, isInstalled, untilReady } from './process.js';

export const hasRedis = isInstalled('redis-server');

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** The folder of its data. */
  readonly folder: string;
  /** Sends one command. Resolves to the reply in RESP. */
  ask(...words: string[]): Promise<string>;
  /** Waits until the replica has every write so far. WAIT would only count writes of its own connection. */
  replicated(): Promise<void>;
  /** Ends the server at once. */
  kill(): Promise<void>;
  /** Starts the server again with its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server on a free port, in a new folder. */
export async function startRedis(...options: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-redis-'));
  const port = await freePort();
  let child = await start();

  async function start(): Promise<ChildProcess> {
    const server = spawn(
      'redis-server',
      [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
        // Each write is on disk before its reply, so that it survives `kill -9`.
        ...['--appendonly', 'yes', '--appendfsync', 'always'],
        ...options,
      ],
      { stdio: 'ignore' },
    );
    endWithTests(server);
    await untilReady(async () => {
      if (!(await command(port, ['PING'])).startsWith('+PONG')) throw new Error('it is loading');
    }, 'redis-server');
    return server;
  }

  async function kill() {
    child.kill('SIGKILL');
    await ended(child);
  }

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    ask: (...words) => command(port, words),
    async replicated() {
      const offsetIn = (pattern: RegExp, reply: string) => Number(pattern.exec(reply)?.[1]);
      const status = () => command(port, ['INFO', 'replication']);
      const written = offsetIn(/master_repl_offset:(\d+)/, await status());
      await untilReady(async () => {
        const confirmed = offsetIn(/slave0:.*offset=(\d+)/, await status());
        if (!(confirmed >= written)) throw new Error(`it confirmed ${confirmed} of ${written}`);
      }, 'the replica');
    },
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

/** Starts a master, a replica and a sentinel, which promotes the replica half a second after the master ends. */
export async function startRedisSentinel(): Promise<{
  readonly port: number;
  readonly master: RedisServer;
  stop(): Promise<void>;
}> {
  const master = await startRedis('--repl-diskless-sync-delay', '0');
  const replica = await startRedis('--replicaof', '127.0.0.1', String(master.port));
  const folder = mkdtempSync(join(tmpdir(), 'samekey-sentinel-'));
  const port = await freePort();
  const config = join(folder, 'sentinel.conf');
  writeFileSync(
    config,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 3000',
    ].join('\n'),
  );
  const sentinel = spawn('redis-server', [config, '--sentinel'], { stdio: 'ignore' });
  endWithTests(sentinel);
  await untilReady(async () => {
    const replicas = await command(port, ['SENTINEL', 'REPLICAS', 'main'], false);
    const isLinked = /master-link-status\r\n\$\d+\r\nok/.test(replicas);
    if (!isLinked || !replicas.includes(String(replica.port))) throw new Error(replicas);
  }, 'the sentinel');
  return {
    port,
    master,
    async stop() {
      sentinel.kill('SIGKILL');
      await Promise.all([ended(sentinel), master.stop(), replica.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Speaks RESP without any of the tested clients. */
function command(port: number, words: readonly string[], canQuit = true): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    let reply = '';
    socket.on('error', reject);
    socket.on('data', (data) => {
      reply += data;
    });
    socket.on('close', () => resolve(reply));
    // The server closes after QUIT, so the whole reply has arrived. A sentinel does not know QUIT.
    const frame = (list: readonly string[]) =>
      `*${list.length}\r\n${list.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
    if (canQuit) socket.write(frame(words) + frame(['QUIT']));
    else socket.end(frame(words));
  });
}
