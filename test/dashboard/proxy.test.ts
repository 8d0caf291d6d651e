import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samekey } from '../cli/program.js';
import { type RunningProxy, startProxy } from '../proxy/program.js';
import { untilReady } from '../servers/process.js';
import { startUpstream, type Upstream } from '../servers/upstream.js';
import { type LiveStream, send, startDashboard, type Visitor, visit } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'samekey-dashboard-'));
const LOG = join(folder, 'proxy.log');
const PRICES = join(folder, 'prices.json');

let upstream: Upstream;
let proxy: RunningProxy;
let page: Visitor;
let live: LiveStream;

/** The provider does what the request says. */
beforeAll(async () => {
  writeFileSync(
    PRICES,
    JSON.stringify({
      currency: 'USD',
      prices: { 'm*': { inputPerMillion: 2, outputPerMillion: 10 } },
    }),
  );
  upstream = await startUpstream(async ({ body, raw }, response) => {
    const { model, how } = JSON.parse(body.toString() || '{}');
    if (how === 'cut') {
      raw.socket.destroy();
      return;
    }
    if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 700));
    const status = how === 'fail' ? 500 : 200;
    response.writeHead(status, { 'content-type': 'application/json', 'set-cookie': 'a=secret' });
    const usage = { prompt_tokens: 100_000, completion_tokens: 10_000 };
    const choices = [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }];
    response.end(JSON.stringify({ model, choices, usage }));
  });
  const address = new URL(upstream.url).origin;
  const args = ['--dashboard', '0', '--allow-evict', '--prices', PRICES];
  proxy = await startProxy(address, args);
  const link = await untilReady(() => {
    const [found] = /http:\S+token=\S+(?=\n)/.exec(proxy.errors()) ?? [];
    if (found === undefined) throw new Error(proxy.errors());
    return found;
  }, 'the dashboard');
  page = await visit(link as string);
  live = await page.live();
});
afterAll(async () => {
  live?.close();
  expect(await proxy?.stop()).toBe(0);
  await upstream?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(request: object, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${proxy.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-secret', ...headers },
    body: JSON.stringify(request),
  });
  await response.text();
  return response.headers.get('samekey-key') ?? '';
}

const WARM = { model: 'm1', temperature: 0.7, messages: [{ role: 'user', content: 'private' }] };

describe('samekey proxy --dashboard', () => {
  it('counts calls by their outcome, and what duplicates save', async () => {
    const warm = await ask(WARM);
    await ask(WARM);
    await ask(WARM);
    const slow = { model: 'm2', how: 'slow', temperature: 0 };
    const [slowKey] = await Promise.all([ask(slow), ask(slow)]);
    await ask({ model: 'm1', how: 'fail' });
    await ask({ model: 'm1', how: 'cut' });
    await ask({ model: 'm1' }, { 'idempotency-key': 'not valid \u00e9' });
    await fetch(`${proxy.url}/v1/models`).then((response) => response.text());
    const totals = { executed: 2, joined: 1, replayed: 2, failed: 1, unknown: 1, refused: 1 };
    await expect.poll(() => live.last()?.totals).toEqual(totals);
    const message = live.last();
    expect(message?.savings).toEqual({
      calls: 3,
      inputTokens: 300_000,
      outputTokens: 30_000,
      costs: [{ currency: 'USD', cost: expect.closeTo(0.9, 10) }],
    });
    expect(message?.slowest[0]).toMatchObject({ key: slowKey, calls: 2, model: 'm2' });
    expect(message?.slowest[0]?.runMs).toBeGreaterThanOrEqual(690);
    expect(message?.repeatedWarm).toEqual([{ key: warm, calls: 3, model: 'm1', temperature: 0.7 }]);
    const sum = live.messages
      .flatMap(({ buckets }) => buckets)
      .reduce((most, { counts }) => Math.max(most, counts.executed), 0);
    expect(sum).toBeGreaterThan(0);
    // Nothing else of a request is kept, and its credentials are not.
    expect(JSON.stringify(live.messages)).not.toMatch(/private|secret/);
  });

  it('shows its records, and forgets one that is deleted also in its memory', async () => {
    const key = await ask(WARM);
    const calls = upstream.requests.length;
    const { json, text } = await page.get(`/api/record?key=${key}`);
    expect(json).toMatchObject({ state: 'done', codec: 'http-response', head: { status: 200 } });
    expect(text).not.toContain('secret');
    expect((await page.post(`/api/evict?key=${key}`)).json).toEqual({ outcome: 'evicted' });
    await ask(WARM);
    expect(upstream.requests.length).toBe(calls + 1);
  });

  it('has a port of its own: the proxy does not serve it, and its log has no token', async () => {
    const { json } = await page.get('/api/overview');
    expect(json).toMatchObject({ source: 'proxy', hasCalls: true, storeName: 'memory' });
    expect((await send(proxy.url, '/api/overview')).json).not.toHaveProperty('storeName');
    const [line] = proxy.log;
    expect(line).toMatchObject({ msg: 'listening', dashboardUrl: page.url });
    expect(JSON.stringify(proxy.log)).not.toContain('token=');
    proxy.child.kill('SIGUSR2');
    await expect.poll(() => proxy.errors().match(/token=/g)?.length).toBe(2);
  });

  it('writes a log from which samekey dashboard counts the same', async () => {
    for (let i = 0; i < 12; i++) await ask({ ...WARM, model: 'm3' });
    await expect.poll(() => live.last()?.totals.replayed).toBeGreaterThan(12);
    writeFileSync(LOG, proxy.log.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const path = join(folder, 'records');
    const sqlite = `sqlite:${path}`;
    const planned = await samekey(['store', 'sql', '--dialect', 'sqlite']);
    const database = new Database(path);
    database.exec(planned.stdout);
    database.close();
    const program = await startDashboard(['--store', sqlite, '--log', LOG]);
    const other = await (await visit(program.link)).live();
    await expect.poll(() => other.last()?.totals).toEqual(live.last()?.totals);
    expect(other.last()?.savings).toEqual(live.last()?.savings);
    const warm = other.last()?.repeatedWarm[0];
    expect(warm).toMatchObject({ temperature: 0.7, calls: 12 });
    expect(live.last()?.repeatedWarm[0]).toMatchObject({ key: warm?.key, calls: 12, model: 'm3' });
    other.close();
    expect(await program.stop()).toBe(0);
  });
});

it.each([
  [[], 'localhost', /^http:\/\/127\.0\.0\.2:\d+\/\?token=/],
  [
    ['--dashboard-public-url', 'https://dashboard.example/'],
    'dashboard.example',
    /^https:\/\/dashboard\.example\/\?token=/,
  ],
])(
  '--dashboard-host is where the dashboard listens, with %j it answers to %s',
  async (args, host, expected) => {
    const own = await startProxy(new URL(upstream.url).origin, [
      ...['--dashboard', '0', '--dashboard-host', '127.0.0.2', ...args],
    ]);
    const listening = own.log.find(({ msg }) => msg === 'listening');
    const { origin, port, hostname } = new URL(String(listening?.dashboardUrl));
    expect(hostname).toBe('127.0.0.2');
    await expect(send(`http://127.0.0.1:${port}`, '/')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const linkIn = () => /the dashboard is (\S+)\n/.exec(own.errors())?.[1] ?? '';
    await expect.poll(linkIn).toMatch(expected);
    const visitor = await visit(`${origin}/${new URL(linkIn()).search}`, { host });
    expect((await visitor.get('/api/overview', { host })).json).toMatchObject({ source: 'proxy' });
    expect((await visitor.get('/api/overview', { host: 'evil.example' })).status).toBe(421);
    const isPublic = args.length > 0;
    const named = await visitor.get('/api/overview', { host: 'dashboard.example' });
    expect(named.status).toBe(isPublic ? 200 : 421);
    expect(await own.stop()).toBe(0);
  },
);
