import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { type RunningProxy, startProxy } from '../proxy/program.js';
import { describeWith, ended } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { startUpstream, type Upstream } from '../servers/upstream.js';

const PROGRAM = fileURLToPath(new URL('process.mjs', import.meta.url));
const LEASE_MS = 600;

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Pauses a process, as a suspended machine, a debugger or a long garbage collection does. */
async function pause(child: ChildProcess) {
  child.kill('SIGSTOP');
  await soon(4 * LEASE_MS);
  child.kill('SIGCONT');
}

let folder: string;
let upstream: Upstream | undefined;
let proxy: RunningProxy | undefined;
afterEach(async () => {
  await proxy?.stop('SIGKILL');
  await upstream?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a proxy that is paused for longer than its lease answers and stores the response', async () => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-paused-'));
  upstream = await startUpstream(async ({ count }, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"count":');
    await soon(1500);
    response.end(`${count}}`);
  });
  const config = join(folder, 'samekey.json');
  writeFileSync(config, JSON.stringify({ leaseMs: LEASE_MS }));
  const args = ['--store', `lmdb:${join(folder, 'records')}`, '--config', config];
  proxy = await startProxy(new URL(upstream.url).origin, args);
  const ask = () => fetch(`${proxy?.url}/v1/messages`, { method: 'POST', body: '{}' });
  const first = await ask();
  await soon(200);
  await pause(proxy.child);
  expect(await first.json()).toEqual({ count: 1 });
  const again = await ask();
  expect([again.headers.get('samekey'), await again.json()]).toEqual(['replayed', { count: 1 }]);
  expect(proxy.log.filter(({ msg }) => msg === 'lease lost')).toEqual([]);
});

describeWith('redis-server', hasRedis, 'a server on Redis', () => {
  it('that is paused for longer than its lease answers and stores the response', async () => {
    folder = mkdtempSync(join(tmpdir(), 'samekey-paused-'));
    const redis = await startRedis();
    const log = join(folder, 'runs');
    const config = JSON.stringify({ url: redis.url, log, options: { leaseMs: LEASE_MS } });
    const child = fork(PROGRAM, [config], { execArgv: [] });
    try {
      const [{ port }] = await once(child, 'message');
      const post = () =>
        fetch(`http://127.0.0.1:${port}/slow?takesMs=1500`, {
          method: 'POST',
          headers: { 'idempotency-key': 'a' },
        });
      const first = await post();
      await soon(200);
      await pause(child);
      const text = await first.text();
      expect(text).toBe(`made by ${child.pid}`);
      const again = await post();
      expect([again.headers.get('samekey'), await again.text()]).toEqual(['replayed', text]);
      expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(1);
    } finally {
      child.kill('SIGKILL');
      await ended(child);
      await redis.stop();
    }
  });
});
