import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProxy } from '../proxy/program.js';
import { ended, endWithTests } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { type Crew, LOAD } from './crew.js';
import { sharedClockMs } from './history.js';
import { startLink } from './link.js';
import type { Row, Subject } from './torture.js';

const SERVER = fileURLToPath(new URL('../../test/torture/http-server.mjs', import.meta.url));
const missing = () => (hasRedis ? undefined : 'redis-server is not here');
const load = { evicts: 0, freshCalls: 0 };

/** One of several processes. Its address stays the same after a restart. */
interface Listener {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

async function restartable(
  count: number,
  start: (name: string, crew: Crew, index: number) => Promise<Listener>,
  stopRest: () => Promise<void>,
): Promise<Subject> {
  const links = await Promise.all(Array.from({ length: count }, () => startLink(0)));
  const listeners: Listener[] = [];
  let startCount = 0;
  const startAt = async (index: number, crew: Crew) => {
    const listener = await start(`server${startCount++}`, crew, index);
    listeners[index] = listener;
    (links[index] as { target: number }).target = listener.port;
  };
  const kill = async ({ child }: Listener) => {
    child.kill('SIGKILL');
    await ended(child);
  };
  return {
    at: [{ kind: 'http', urls: links.map(({ port }) => `http://127.0.0.1:${port}/`) }],
    begin: async (crew) => {
      await Promise.all(links.map((_, index) => startAt(index, crew)));
    },
    async fault(crew, next) {
      const index = Math.floor(next() * count);
      const listener = listeners[index] as Listener;
      await kill(listener);
      crew.note({ type: 'killed' }, listener.name);
      await startAt(index, crew);
      return 'killed';
    },
    async stop() {
      await Promise.all([...listeners.map(kill), ...links.map((link) => link.stop())]);
      await stopRest();
    },
  };
}

async function servers(): Promise<Subject> {
  const redis = await startRedis();
  const start = async (name: string, crew: Crew): Promise<Listener> => {
    const store = { kind: 'redis', url: redis.url };
    const job = { name, log: crew.logOf(name), store, seed: crew.seed(), load: LOAD };
    const child = fork(SERVER, [JSON.stringify(job)], { execArgv: [] });
    endWithTests(child);
    const port = await new Promise<number>((resolve) => {
      child.on('message', (message: { port: number }) => resolve(message.port));
    });
    return { name, port, child };
  };
  return restartable(3, start, redis.stop);
}

/**
 * A provider that records its requests and the proxy of each. Only clients see whether an answer was
 * stored, when they receive it again.
 */
async function startProvider(crewOf: () => Crew) {
  let runCount = 0;
  const answer = async (index: number, key: string, response: ServerResponse) => {
    const crew = crewOf();
    const owner = proxies.get(index) ?? 'unknown';
    const number = runCount++;
    const run = `provider/${number}`;
    const claim = { key, owner: run, token: number, sentAt: sharedClockMs() };
    // The proxy renews its lease, and keeps the connection, for as long as it lives.
    crew.note({ type: 'claim', ...claim, leaseMs: 1e9, takesFinished: false }, owner);
    crew.note({ type: 'run', run, call: '', key, attempt: 1, token: number }, owner);
    const next = crew.seed() / 2 ** 31;
    let isOver = false;
    response.on('close', () => {
      if (!isOver) crew.note({ type: 'ending', key, owner: run }, owner);
      isOver = true;
    });
    await sleep(next < 0.7 ? next * 30 : next * 300);
    if (isOver) return;
    isOver = true;
    crew.note({ type: 'ran', run, threw: false }, owner);
    crew.note({ type: 'ending', key, owner: run }, owner);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ run, key }));
  };
  /** Their names, by address. */
  const proxies = new Map<number, string>();
  const server = createServer((request, response) => {
    const index = Number(request.headers['x-sent-to']);
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('error', () => {});
    request.on('end', () => {
      const { key } = JSON.parse(Buffer.concat(chunks).toString()) as { key: string };
      answer(index, key, response).catch(() => {});
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    proxies,
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function proxies(): Promise<Subject> {
  const redis = await startRedis();
  const folder = mkdtempSync(join(tmpdir(), 'samekey-proxies-'));
  const config = join(folder, 'config.json');
  const { leaseMs, storeTimeoutMs, ttlMs } = LOAD;
  writeFileSync(config, JSON.stringify({ leaseMs, storeTimeoutMs, ttlMs }));
  let crewOfNow: Crew | undefined;
  const provider = await startProvider(() => crewOfNow as Crew);
  const start = async (name: string, crew: Crew, index: number): Promise<Listener> => {
    crewOfNow = crew;
    const upstream = `http://127.0.0.1:${provider.port}`;
    const ignored = ['--ignore-header', 'x-sent-to'];
    const { child, url } = await startProxy(upstream, [
      ...['--store', redis.url, '--config', config, ...ignored],
    ]);
    provider.proxies.set(index, name);
    return { name, port: Number(new URL(url).port), child };
  };
  return restartable(3, start, async () => {
    await provider.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}

export const HTTP_ROWS: readonly Row[] = [
  {
    name: 'samekey proxy: killed',
    store: 'samekey proxy on Redis',
    fault: 'clients hang up, and proxies are killed (`kill -9`)',
    start: proxies,
  },
  {
    name: 'samekey/server: killed',
    store: 'samekey/server on Redis',
    fault: 'clients hang up, and servers are killed (`kill -9`)',
    start: servers,
  },
].map((row) => ({ ...row, missing, load, holds: false }));
