import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { PROGRAM } from '../cli/program.js';
import { run } from './program.js';
import { proxy, start, upstream, useProxy } from './scene.js';

useProxy();

let folder: string | undefined;
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const JSON_TYPE = { 'content-type': 'application/json' };

const post = (item: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${proxy.url}/v1/messages`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ item }),
    ...(signal !== undefined && { signal }),
  });

const outcomesOf = (responses: readonly Response[]) =>
  responses.map(({ status, headers }) => headers.get('samekey') ?? status);
const limited = (limit: string) => proxy.metric(`samekey_proxy_limited_total{limit="${limit}"}`);

describe('a proxy with --keys-per-minute', () => {
  it('refuses new requests of the account, and neither duplicates nor other accounts', async () => {
    await start(
      ({ count }, response) => response.writeHead(200, JSON_TYPE).end(`{"count":${count}}`),
      '--keys-per-minute',
      '2',
    );
    expect(await limited('keysPerMinute')).toBe(0);
    const anna = { authorization: 'Bearer anna' };
    const items = ['a', 'b', 'c', 'd'];
    const burst = await Promise.all(items.map((item) => post(item, anna)));
    expect(burst.filter(({ status }) => status === 200)).toHaveLength(2);
    const refused = burst.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(2);
    for (const response of refused) {
      const seconds = Number(response.headers.get('retry-after'));
      expect([60, 61]).toContain(seconds);
      expect(response.headers.get('ratelimit-policy')).toBe('"keysPerMinute";q=2;w=60');
      expect(response.headers.get('ratelimit')).toBe(`"keysPerMinute";r=0;t=${seconds}`);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({
        type: expect.stringMatching(/\/docs\/server\.md#limit-reached$/),
        code: 'SAMEKEY_LIMIT',
        detail: expect.stringMatching(/^Cannot process the request: .* 2 runs .*wanted another/),
      });
    }
    const again = await Promise.all(items.map((item) => post(item, anna)));
    expect(outcomesOf(again)).toEqual(
      burst.map(({ status }) => (status === 200 ? 'replayed' : 429)),
    );
    expect(outcomesOf([await post('a', { authorization: 'Bearer ben' })])).toEqual(['executed']);
    expect(upstream.requests).toHaveLength(3);
    expect(await limited('keysPerMinute')).toBe(4);
    expect(await limited('waitingPerKey')).toBe(0);
    await expect
      .poll(() => proxy.log.filter(({ code }) => code === 'SAMEKEY_LIMIT').length)
      .toBe(4);
    const text = await (await fetch(`${proxy.url}/-/metrics`)).text();
    expect(text).not.toMatch(/anna|ben/);
    expect(JSON.stringify(proxy.log)).not.toMatch(/anna|ben/);
  });

  it('tells an SDK when to try again, by the same problem', async () => {
    await start((_, response) => response.end('{}'), '--keys-per-minute', '1');
    const sdk = { 'x-stainless-lang': 'js' };
    expect((await post('a', sdk)).status).toBe(200);
    const refused = await post('b', sdk);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toMatch(/^6[01]$/);
    expect(refused.headers.get('x-should-retry')).toMatch(/^(?:true|false)$/);
    expect(await refused.json()).toMatchObject({ code: 'SAMEKEY_LIMIT' });
  });

  it('counts no request that only passes', async () => {
    await start((_, response) => response.end('{}'), '--keys-per-minute', '1', '--pass', '/other');
    for (const path of ['/v1/models', '/v1/models']) {
      expect((await fetch(proxy.url + path)).status).toBe(200);
    }
    for (const body of ['{"a":1}', '{"a":2}']) {
      const passed = await fetch(`${proxy.url}/other`, { method: 'POST', body });
      expect(passed.status).toBe(200);
    }
    expect(outcomesOf([await post('a')])).toEqual(['executed']);
  });
});

it('a proxy with --stored-bytes-per-account accepts new requests again when responses have expired', async () => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-limits-'));
  const config = join(folder, 'samekey.json');
  writeFileSync(config, JSON.stringify({ ttlMs: 2000 }));
  await start(
    (_, response) => response.writeHead(200, JSON_TYPE).end(JSON.stringify('x'.repeat(3000))),
    ...['--stored-bytes-per-account', '4KiB', '--config', config],
  );
  expect(outcomesOf([await post('a'), await post('b')])).toEqual(['executed', 'executed']);
  const refused = await post('c');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('ratelimit-policy')).toBe(
    '"storedBytesPerAccount";q=4096;qu="content-bytes";w=2',
  );
  expect(await limited('storedBytesPerAccount')).toBe(1);
  expect((await post('c', { authorization: 'Bearer other' })).status).toBe(200);
  await expect.poll(async () => (await post('c')).status).toBe(200);
});

it('a proxy with --waiting-per-key refuses more duplicates while the call goes on', async () => {
  let finish = () => {};
  const arrived: string[] = [];
  await start(
    async ({ body }, response) => {
      arrived.push(String(body));
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      response.writeHead(200, JSON_TYPE).end('{"made":true}');
    },
    '--waiting-per-key',
    '2',
  );
  const inFlight = () => proxy.metric('samekey_proxy_requests_in_flight');
  const first = post('a');
  await expect.poll(() => arrived).toHaveLength(1);
  const duplicates = Array.from({ length: 4 }, () => {
    const leaver = new AbortController();
    const duplicate = { leaver, status: 0, isDone: Promise.resolve() };
    duplicate.isDone = post('a', {}, leaver.signal).then(
      ({ status }) => {
        duplicate.status = status;
      },
      () => {},
    );
    return duplicate;
  });
  const waiting = () => duplicates.filter(({ status }) => status === 0);
  await expect.poll(() => waiting().length).toBe(2);
  expect(duplicates.filter(({ status }) => status === 429)).toHaveLength(2);
  expect(await limited('waitingPerKey')).toBe(2);
  // The place of a client that hangs up is free.
  const [leaving, staying] = waiting();
  leaving?.leaver.abort();
  await expect.poll(inFlight).toBe(2);
  const next = post('a');
  await expect.poll(inFlight).toBe(3);
  finish();
  await Promise.all([leaving?.isDone, staying?.isDone]);
  expect(staying?.status).toBe(200);
  expect([(await first).status, (await next).status]).toEqual([200, 200]);
  const later = await Promise.all(['a', 'a', 'a', 'a'].map((item) => post(item)));
  expect(outcomesOf(later)).toEqual(Array(4).fill('replayed'));
  expect(upstream.requests).toHaveLength(1);
  expect(await limited('waitingPerKey')).toBe(2);
});

it.each([
  ['--keys-per-minute', '0', /whole number from 1/],
  ['--keys-per-minute', '1.5', /whole number from 1/],
  ['--keys-per-minute', '-1', /whole number from 1/],
  ['--keys-per-minute', 'many', /whole number from 1/],
  ['--stored-bytes-per-account', '0', /a size such as/],
  ['--waiting-per-key', '0', /whole number from 1/],
])('the flag %s cannot be %s', async (flag, value, wanted) => {
  const args = [PROGRAM, 'proxy', '--upstream', 'http://127.0.0.1:1', `${flag}=${value}`];
  const { code, stderr } = await run(process.execPath, args);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(wanted);
});
