import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { expectFailure, samekey } from '../cli/program.js';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { describeWith } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { type Behaviour, startUpstream, type Upstream } from '../servers/upstream.js';
import { type RunningProxy, startProxy } from './program.js';

let upstream: Upstream;
const proxies: RunningProxy[] = [];
const folders: string[] = [];

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'samekey-'));
  folders.push(path);
  return path;
};

async function start(...args: string[]): Promise<RunningProxy> {
  const proxy = await startProxy(new URL(upstream.url).origin, args);
  proxies.push(proxy);
  return proxy;
}

afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop('SIGKILL')));
  await upstream?.stop();
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const post = ({ url }: RunningProxy, body: string, init: RequestInit = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
    body,
    ...init,
  });

const CHUNKS = 20;
const event = (at: number) =>
  `data: {"object":"chat.completion.chunk","choices":[{"delta":{"content":"${at} "}}]}\n\n`;
const END =
  'data: {"object":"chat.completion.chunk","choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
const WHOLE = `${Array.from({ length: CHUNKS }, (_, at) => event(at)).join('')}${END}`;

/** Sends events at an interval. */
const streaming =
  (everyMs: number): Behaviour =>
  async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let at = 0; at < CHUNKS; at++) {
      response.write(event(at));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      if (response.destroyed) return;
    }
    response.end(END);
  };

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const COUNT = 8;
const SERVERS: readonly [string, string, boolean, () => Promise<Server>][] = [
  ['Redis', 'redis-server', hasRedis, () => startRedis()],
  ['PostgreSQL', 'PostgreSQL', hasPostgres, () => startPostgres()],
];

for (const [name, tool, isThere, open] of SERVERS) {
  describeWith(tool, isThere, `${COUNT} proxies on ${name}`, () => {
    it('share one stream: one call, whose whole response every client receives', async () => {
      const server = await open();
      try {
        upstream = await startUpstream(streaming(30));
        const running = await Promise.all(
          Array.from({ length: COUNT }, () => start('--store', server.url)),
        );
        const answers = await Promise.all(
          [...running, ...running].map(async (proxy) => {
            const response = await post(proxy, '{"stream":true}');
            return { outcome: response.headers.get('samekey'), text: await response.text() };
          }),
        );
        expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([WHOLE]));
        expect(upstream.requests).toHaveLength(1);
        const outcomes = answers.map(({ outcome }) => outcome);
        expect(outcomes.filter((outcome) => outcome === 'executed')).toHaveLength(1);
        // A second request in the same process reads the stream. Other processes receive it when it is complete.
        expect(outcomes.filter((outcome) => outcome === 'joined').length).toBeGreaterThan(0);
        const late = await post(running[3] as RunningProxy, '{"stream":true}');
        expect([late.headers.get('samekey'), await late.text()]).toEqual(['replayed', WHOLE]);
      } finally {
        await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
        await server.stop();
      }
    });
  });
}

describeWith('redis-server', hasRedis, 'a store that fails and recovers', () => {
  it('causes 503 until it recovers', async () => {
    const server = await startRedis();
    try {
      upstream = await startUpstream(streaming(0));
      const proxy = await start('--store', server.url);
      expect(await (await post(proxy, '{}')).text()).toBe(WHOLE);
      await server.kill();
      const failed = await post(proxy, '{"another":1}');
      expect(failed.status).toBe(503);
      const problem = await failed.json();
      expect(problem).toMatchObject({ code: 'SAMEKEY_STORE' });
      expect(problem.detail).toBe('The proxy failed. Its log has the error.');
      // The client of an SDK gets the same problem, without the address of the store.
      const sdk = { 'content-type': 'application/json', 'x-stainless-lang': 'js' };
      const bySdk = await post(proxy, '{"another":1}', { headers: sdk });
      expect([bySdk.status, (await bySdk.json()).detail]).toEqual([503, problem.detail]);
      expect(upstream.requests).toHaveLength(1);
      await server.start();
      const asked = async () => (await post(proxy, '{"another":1}')).status;
      await expect.poll(asked, { interval: 200 }).toBe(200);
      const errors = 'samekey_proxy_store_errors_total{action="claim"}';
      expect(await proxy.metric(errors)).toBeGreaterThan(0);
      expect(upstream.requests).toHaveLength(2);
    } finally {
      await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
      await server.stop();
    }
  });
});

describe('a proxy that is killed in the middle of a stream', () => {
  const begin = async (settings: object) => {
    upstream = await startUpstream(streaming(40));
    const store = ['--store', `lmdb:${folder()}`];
    const startWith = (config: object) => {
      const file = join(folder(), 'samekey.json');
      writeFileSync(file, JSON.stringify(config));
      return start(...store, '--config', file);
    };
    // The lease of the first is short. That of the next must outlast a pause of the machine.
    const first = await startWith({ ...settings, leaseMs: 500 });
    const asked = await post(first, '{}');
    const reader = (asked.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    first.child.kill('SIGKILL');
    await first.ended;
    // The half response does not look complete.
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    await expect(rest).rejects.toThrow();
    return startWith(settings);
  };

  it('has stored nothing: the next request calls the upstream when the lease has expired', async () => {
    const next = await begin({});
    const again = await post(next, '{}');
    expect([again.headers.get('samekey'), await again.text()]).toEqual(['executed', WHOLE]);
    expect(upstream.requests).toHaveLength(2);
    const once = await post(next, '{}');
    expect([once.headers.get('samekey'), await once.text()]).toEqual(['replayed', WHOLE]);
  });

  it('has called the upstream once with onUnknown hold', async () => {
    const next = await begin({ onUnknown: 'hold' });
    const held = await post(next, '{}');
    expect(held.status).toBe(409);
    expect(held.headers.get('x-should-retry')).toBe('false');
    expect(await held.json()).toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
    expect(upstream.requests).toHaveLength(1);
  });

  it('keeps the responses that were complete before', async () => {
    upstream = await startUpstream(streaming(0));
    const store = ['--store', `lmdb:${folder()}`];
    const first = await start(...store);
    await (await post(first, '{}')).text();
    // The client may receive the response before it is on disk.
    await expect.poll(() => first.outcomes()).toEqual(['executed']);
    expect((await post(first, '{}')).headers.get('samekey')).toBe('replayed');
    await first.stop('SIGKILL');
    const stored = await post(await start(...store), '{}');
    expect([stored.headers.get('samekey'), await stored.text()]).toEqual(['replayed', WHOLE]);
  });
});

it('an abandoned request has an unknown outcome with onAbandoned abort', async () => {
  upstream = await startUpstream(() => {});
  const config = join(folder(), 'samekey.json');
  writeFileSync(config, JSON.stringify({ onAbandoned: 'abort', onUnknown: 'hold' }));
  const proxy = await start('--config', config);
  const client = new AbortController();
  const abandoned = post(proxy, '{}', { signal: client.signal });
  await expect.poll(() => upstream.requests.length).toBe(1);
  client.abort();
  await expect(abandoned).rejects.toThrow();
  await expect.poll(() => proxy.outcomes()).toEqual(['aborted']);
  const again = await post(proxy, '{}');
  expect([again.status, (await again.json()).code]).toEqual([409, 'SAMEKEY_UNKNOWN_OUTCOME']);
  expect(upstream.requests).toHaveLength(1);
});

describe('a signal', () => {
  it('ends the proxy even if its log is not read', async () => {
    upstream = await startUpstream((_, response) => response.end());
    const proxy = await start();
    proxy.child.stdout?.pause();
    // More lines than the pipe and its reader buffer.
    const path = `/${'x'.repeat(4000)}`;
    for (let at = 0; at < 150; at++) await (await fetch(`${proxy.url}${path}`)).text();
    const exited = new Promise((resolve) => proxy.child.on('exit', resolve));
    proxy.child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: requests in progress are finished and stored, and new ones are refused',
    async (signal) => {
      upstream = await startUpstream((request, response) =>
        // The request without a key takes longer than the one that is stored.
        streaming(request.raw.method === 'POST' ? 20 : 60)(request, response),
      );
      const store = ['--store', `lmdb:${folder()}`];
      const proxy = await start(...store);
      const keyed = await post(proxy, '{}');
      const passed = await fetch(proxy.url);
      proxy.child.kill(signal);
      await expect.poll(() => proxy.log.at(-1)?.msg).toBe('ending');
      await expect(post(proxy, '{"another":1}')).rejects.toThrow();
      expect(await keyed.text()).toBe(WHOLE);
      expect(await passed.text()).toBe(WHOLE);
      expect(await proxy.ended).toBe(0);
      expect(proxy.log.at(-1)?.msg).toBe('ended');
      const stored = await post(await start(...store), '{}');
      expect(stored.headers.get('samekey')).toBe('replayed');
    },
  );

  it('the response of a client that has disconnected is still stored', async () => {
    upstream = await startUpstream(streaming(40));
    const store = ['--store', `lmdb:${folder()}`];
    const proxy = await start(...store);
    const client = new AbortController();
    await post(proxy, '{}', { signal: client.signal });
    client.abort();
    await expect.poll(() => proxy.outcomes()).toEqual(['aborted']);
    expect(await proxy.stop()).toBe(0);
    // A connection that was never used, as some clients keep, did not delay the end.
    expect(proxy.log.some(({ msg }) => msg.startsWith('cut off'))).toBe(false);
    const stored = await post(await start(...store), '{}');
    expect([stored.headers.get('samekey'), await stored.text()]).toEqual(['replayed', WHOLE]);
  });

  it('ends the proxy after --grace even if a request is in progress', async () => {
    upstream = await startUpstream((_, response) => {
      response.writeHead(200).write('half');
    });
    const proxy = await start('--grace', '300ms');
    const asked = await post(proxy, '{}');
    const isCut = expect(asked.text()).rejects.toThrow();
    expect(await proxy.stop()).toBe(0);
    await isCut;
    expect(proxy.log.some(({ msg }) => msg.startsWith('cut off'))).toBe(true);
  });

  it('a second signal ends the proxy at once', async () => {
    upstream = await startUpstream((_, response) => {
      response.writeHead(200).write('half');
    });
    const proxy = await start();
    (await post(proxy, '{}')).text().catch(() => {});
    proxy.child.kill('SIGTERM');
    await expect.poll(() => proxy.log.at(-1)?.msg).toBe('ending');
    expect(await proxy.stop('SIGINT')).toBe(130);
  });
});

/** Several times the allowed growth of the proxy's memory. */
const LONG_BYTES = 1024 ** 3;

/** Sends this many bytes as fast as they are read. */
const long =
  (byteCount: number): Behaviour =>
  async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const chunk = Buffer.alloc(256 * 1024, 7);
    for (let rest = byteCount; rest > 0 && !response.destroyed; rest -= chunk.length) {
      if (response.write(chunk)) continue;
      await new Promise<void>((resolve) => {
        const proceed = () => {
          response.off('drain', proceed).off('close', proceed);
          resolve();
        };
        response.on('drain', proceed).on('close', proceed);
      });
    }
    response.end();
  };

describeWith('/proc', existsSync('/proc/self/status'), 'the memory of a proxy', () => {
  const residentMiB = ({ child }: RunningProxy) =>
    Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) /
    1024;

  it.each([
    ['that is too long to be stored', 'POST'],
    ['without a key', 'GET'],
  ])(`is bounded, with a response of ${LONG_BYTES / 1024 ** 2} MiB %s`, async (_, method) => {
    upstream = await startUpstream(long(LONG_BYTES));
    const proxy = await start();
    await (await fetch(proxy.url, { method: 'OPTIONS' })).body?.cancel();
    const before = residentMiB(proxy);
    const response = await fetch(proxy.url, { method });
    let byteCount = 0;
    for await (const { length } of response.body as ReadableStream<Uint8Array>) byteCount += length;
    expect(byteCount).toBe(LONG_BYTES);
    const grownMiB = residentMiB(proxy) - before;
    console.log(`${method}: the proxy grew by ${Math.round(grownMiB)} MiB`);
    // The proxy buffers up to 16 MiB of a response, and discarded memory is not freed at once.
    expect(grownMiB).toBeLessThan(200);
  });

  const BLOCKS = 200;
  it('is bounded, with a request that arrives byte by byte', async () => {
    upstream = await startUpstream((_, response) => response.end('{}'));
    const proxy = await start();
    const before = residentMiB(proxy);
    const { hostname, port } = new URL(proxy.url);
    const socket = createConnection(Number(port), hostname);
    socket.write('POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n');
    const pieces = '1\r\nx\r\n'.repeat(10_000);
    for (let at = 0; at < BLOCKS; at++) {
      if (!socket.write(pieces)) await once(socket, 'drain');
    }
    socket.write('0\r\n\r\n');
    await once(socket, 'data');
    expect(upstream.requests[0]?.body).toHaveLength(10_000 * BLOCKS);
    expect(residentMiB(proxy) - before).toBeLessThan(200);
    socket.destroy();
  });

  it('is bounded, with a client that reads nothing, which is disconnected', async () => {
    upstream = await startUpstream(long(LONG_BYTES));
    const proxy = await start('--idle', '1s');
    const { hostname, port } = new URL(proxy.url);
    const socket = createConnection(Number(port), hostname);
    socket.pause();
    socket.write('POST /v1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}');
    await expect.poll(() => proxy.outcomes().length).toBe(1);
    expect(residentMiB(proxy)).toBeLessThan(400);
    socket.destroy();
  });
});

describe('the proxy reports', () => {
  it('metrics and health, beside the paths of the upstream or on a separate port', async () => {
    upstream = await startUpstream(({ raw }, response) => response.end(`upstream: ${raw.url}`));
    const proxy = await start();
    const text = async (path: string, at = proxy.url) => (await fetch(at + path)).text();
    expect(await text('/metrics')).toBe('upstream: /metrics');
    expect(JSON.parse(await text('/-/health'))).toEqual({ status: 'ok' });
    expect(JSON.parse(await text('/-/ready'))).toEqual({ status: 'ok', store: 'ok' });
    await (await post(proxy, '{}')).text();
    await (await post(proxy, '{}')).text();
    const metrics = await text('/-/metrics');
    for (const line of [
      'samekey_proxy_requests_total{outcome="executed",status="200"} 1',
      'samekey_proxy_requests_total{outcome="replayed",status="200"} 1',
      'samekey_proxy_requests_total{outcome="passed",status="200"} 1',
      'samekey_proxy_saved_calls_total 1',
      'samekey_proxy_requests_in_flight 0',
      'samekey_proxy_upstream_head_seconds_count 2',
      'samekey_proxy_bytes_total{peer="upstream",direction="out"} 2',
    ]) {
      expect(metrics).toContain(line);
    }
    expect(await text('/ready')).toBe('upstream: /ready');
    const separate = await start('--metrics-port', '0');
    const at = separate.log[0]?.metricsUrl as string;
    expect(await text('/-/metrics', separate.url)).toBe('upstream: /-/metrics');
    expect(await text('/metrics', at)).toContain('samekey_proxy_saved_calls_total 0');
    expect(JSON.parse(await text('/health', at))).toEqual({ status: 'ok' });
    expect((await fetch(`${at}/ready`)).status).toBe(200);
    expect((await fetch(`${at}/other`)).status).toBe(404);
  });

  it('the tokens and the cost that duplicates saved', async () => {
    const usage = { prompt_tokens: 2000, completion_tokens: 300, total_tokens: 2300 };
    upstream = await startUpstream((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          object: 'chat.completion',
          model: 'm-1',
          choices: [{ finish_reason: 'stop' }],
          usage,
        }),
      );
    });
    const file = join(folder(), 'prices.json');
    const prices = { 'm*': { inputPerMillion: 1, outputPerMillion: 10 } };
    writeFileSync(file, JSON.stringify({ currency: 'USD', prices }));
    const proxy = await start('--prices', file);
    for (let count = 0; count < 3; count++) await (await post(proxy, '{}')).text();
    const value = (name: string, labels: string) =>
      proxy.metric(`samekey_proxy_saved_${name}_total{model="m-1",${labels}}`);
    await expect.poll(() => value('tokens', 'direction="input"')).toBe(4000);
    expect(await value('tokens', 'direction="output"')).toBe(600);
    expect(await value('cost', 'currency="USD"')).toBeCloseTo(0.01);
  });

  it('a line for each request, with key and trace, and no credential, query or body', async () => {
    upstream = await startUpstream((_, response) => response.end('{"answer":"hidden-5"}'));
    const proxy = await start('--log-level', 'debug');
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const response = await fetch(`${proxy.url}/v1/models/m:generate?key=hidden-1`, {
      method: 'POST',
      body: '{"prompt":"hidden-2"}',
      headers: {
        authorization: 'Bearer hidden-3',
        cookie: 'hidden-4',
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      },
    });
    await response.text();
    await expect.poll(() => proxy.outcomes()).toEqual(['executed']);
    expect(proxy.log.find(({ msg }) => msg === 'request')).toMatchObject({
      method: 'POST',
      path: '/v1/models/m:generate',
      status: 200,
      outcome: 'executed',
      key: response.headers.get('samekey-key'),
      traceId,
      durationMs: expect.any(Number),
    });
    expect(JSON.stringify(proxy.log)).not.toContain('hidden');
  });

  it('a warning if other machines can reach it', async () => {
    upstream = await startUpstream((_, response) => response.end());
    const proxy = await start('--host', '0.0.0.0');
    await expect.poll(() => proxy.log.length).toBe(2);
    expect(proxy.log[1]).toMatchObject({ level: 'warn', host: '0.0.0.0' });
    const { port } = new URL(proxy.url);
    const named = await fetch(`http://127.0.0.1:${port}`, { headers: { host: 'proxy.internal' } });
    expect(named.status).toBe(200);
  });

  it.each([
    [[], /^required option '-u, --upstream <URL>' not specified; see samekey help proxy$/],
    [['-u', 'api.openai.com'], /^--upstream: "api\.openai\.com" is not a URL, wanted /],
    [['-u', 'ftp://a'], /^--upstream: its scheme is ftp:, wanted /],
    [['-u', 'https://me:secret@a'], /^--upstream: it contains credentials, wanted /],
    [
      ['-u', 'http://a', '--store', 'mongo://a'],
      /^Cannot open the store "mongo:\/\/a": wanted redis/,
    ],
    [['-u', 'http://a', '--port', '70000'], /Wanted a whole number from 0 to 65535/],
    [['-u', 'http://a', '--idle', '5'], /Wanted a time such as 500ms, 30s or 5m/],
    [['-u', 'http://a', '--max-body', '5MB'], /Wanted a size such as 1000000 or 64MiB/],
    [['-u', 'http://a', '-p', 'acme'], /^--preset has "acme", wanted some of volatile, /],
    [
      ['-u', 'http://a', '--host', '192.0.2.1'],
      /^Cannot listen on 192\.0\.2\.1, port 8787: this machine does not have that address/,
    ],
  ] as const)('one line of error for %j', async (args, message) => {
    const run = await samekey(['proxy', ...args]);
    expectFailure(run, 2, message);
    expect(run.stderr).not.toContain('secret');
  });

  it('one line of error for a missing store or file', async () => {
    const noStore = ['proxy', '-u', 'http://a', '--store', 'redis://127.0.0.1:1'];
    expectFailure(await samekey(noStore), 3, /^redis:\/\/127\.0\.0\.1:1: cannot be opened/);
    const missing = ['proxy', '-u', 'http://a', '--config', '/no/such/file'];
    expectFailure(await samekey(missing), 3, '/no/such/file: no such file');
  });
});
