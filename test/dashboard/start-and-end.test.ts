import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { lmdbStore } from '../../src/store/lmdb.js';
import { expectFailure, folder, PROGRAM, samekey } from '../cli/program.js';
import { startProxy } from '../proxy/program.js';
import { endWithTests } from '../servers/process.js';
import { startUpstream } from '../servers/upstream.js';

const NO_API = ['--upstream', 'http://127.0.0.1:1'];

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server that accepts connections and says nothing. */
async function silentServer(): Promise<{ server: Server; port: string }> {
  const server = createServer(() => {});
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: String((server.address() as { port: number }).port) };
}

/** Starts the program. Returns it with its exit: a code, or the signal that ended it. */
function start(args: readonly string[]): {
  child: ChildProcess;
  exit: Promise<number | NodeJS.Signals>;
} {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'ignore' });
  endWithTests(child);
  const exit = once(child, 'exit').then(([code, signal]) => code ?? signal);
  return { child, exit };
}

describe.runIf(process.platform !== 'win32')('SIGUSR2', () => {
  it('changes nothing for a proxy that finishes its calls', async () => {
    let finish = () => {};
    const upstream = await startUpstream((_, response) => {
      finish = () => response.end('the answer');
    });
    const proxy = await startProxy(new URL(upstream.url).origin, ['--dashboard', '0']);
    const call = fetch(`${proxy.url}/v1/messages`, { method: 'POST', body: '{}' });
    await expect.poll(() => upstream.requests.length).toBe(1);
    proxy.child.kill('SIGTERM');
    await expect.poll(() => proxy.log.some(({ msg }) => msg === 'ending')).toBe(true);
    proxy.child.kill('SIGUSR2');
    finish();
    expect(await (await call).text()).toBe('the answer');
    expect(await proxy.ended).toBe(0);
    expect(proxy.errors().match(/token=/g)?.length).toBe(1);
    await upstream.stop();
  });
});

describe('samekey proxy', () => {
  it('accepts no request before the ports of its metrics and its dashboard are open', async () => {
    const [used, other] = [(await silentServer()).port, (await silentServer()).port];
    const inUse = (port: string) =>
      `Cannot listen on 127.0.0.1, port ${port}: another program uses it, wanted a free port (EADDRINUSE)`;
    // It names the port that it tried first.
    const args = ['proxy', ...NO_API, '--port', used];
    expectFailure(await samekey([...args, '--dashboard', other]), 2, inUse(other));
    expectFailure(await samekey([...args, '--metrics-port', other]), 2, inUse(other));
    expectFailure(await samekey([...args, '--dashboard', '0']), 2, inUse(used));
  });

  it.each([
    [['--allow-evict'], '--allow-evict'],
    [['--dashboard-host', '127.0.0.1'], '--dashboard-host'],
    [['--dashboard-public-url', 'https://dashboard.example'], '--dashboard-public-url'],
  ])('refuses %j without a dashboard', async (args, flag) => {
    // Without the refusal it ends as well.
    const { port } = await silentServer();
    expectFailure(
      await samekey(['proxy', ...NO_API, '--port', port, ...args]),
      2,
      `Cannot use ${flag}: it is for the dashboard, wanted --dashboard`,
    );
  });
});

describe('samekey dashboard', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at the first %s while it starts', async (signal, code) => {
    const { server, port } = await silentServer();
    const connected = once(server, 'connection');
    const { child, exit } = start(['dashboard', '--store', `redis://127.0.0.1:${port}`]);
    await connected;
    child.kill(signal);
    expect(await exit).toBe(code);
  });

  it('says what is wrong with a log that is no file', async () => {
    const { path } = folder();
    await lmdbStore({ path }).close();
    expectFailure(
      await samekey(['dashboard', '--store', `lmdb:${path}`, '--log', path]),
      3,
      `${path}: cannot be read (it is not a file)`,
    );
  });
});
