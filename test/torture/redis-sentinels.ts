import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ended, endWithTests, freePort, untilReady } from '../servers/process.js';
import { startRedis } from '../servers/redis.js';
import type { Subject } from './torture.js';

const NAME = 'torture';

/** Sentinel has no QUIT. */
const ask = async (port: number, ...words: string[]) =>
  (await promisify(execFile)('redis-cli', ['-p', String(port), ...words])).stdout;

/** A master, a replica and three Sentinels with a quorum of two. */
export async function startSentinels(): Promise<Subject> {
  const first = await startRedis();
  const second = await startRedis('--replicaof', `127.0.0.1 ${first.port}`);
  const servers = [first, second];
  const folder = mkdtempSync(join(tmpdir(), 'samekey-sentinel-'));
  const sentinels = await Promise.all(
    [0, 1, 2].map(async (number) => startSentinel(join(folder, `${number}.conf`), first.port)),
  );
  const askedPort = sentinels[0]?.port ?? 0;
  const masterPort = async () =>
    Number((await ask(askedPort, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)).split('\n')[1]);
  await untilReady(async () => {
    const state = await ask(askedPort, 'SENTINEL', 'MASTER', NAME);
    const count = (what: string) => Number(new RegExp(`${what}\n(\\d+)`).exec(state)?.[1]);
    if (count('num-slaves') < 1 || count('num-other-sentinels') < 2) throw new Error(state);
  }, 'Sentinel');
  const known = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  return {
    at: ['ioredis sentinel', 'node-redis sentinel'].map((kind) => ({ kind, sentinels: known })),
    async fault() {
      const before = await masterPort();
      const master = servers.find(({ port }) => port === before);
      if (master === undefined) return 'no master';
      await master.kill();
      const until = Date.now() + 20_000;
      while ((await masterPort()) === before && Date.now() < until) await sleep(100);
      await master.start();
      // It acts as a master until a Sentinel reconfigures it.
      while (!/role:slave/.test(await master.ask('INFO', 'replication')) && Date.now() < until) {
        await sleep(200);
      }
      return 'promoted';
    },
    async stop() {
      for (const { child } of sentinels) child.kill('SIGKILL');
      await Promise.all(sentinels.map(({ child }) => ended(child)));
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startSentinel(
  file: string,
  masterPort: number,
): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const port = await freePort();
  const lines = [
    ...[`port ${port}`, 'bind 127.0.0.1', `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`],
    ...[`sentinel down-after-milliseconds ${NAME} 500`, `sentinel failover-timeout ${NAME} 5000`],
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-sentinel', [file], { stdio: 'ignore' });
  endWithTests(child);
  await untilReady(() => ask(port, 'PING'), 'redis-sentinel');
  return { port, child };
}
