import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Behaviour } from '../servers/upstream.js';
import { sendBytes } from './program.js';
import { proxy, start, startInFront, upstream, useProxy } from './scene.js';

useProxy();

/** An upstream that sends these bytes. */
const answering =
  (answer: string): Behaviour =>
  ({ raw: { socket } }) =>
    socket.end(answer, 'latin1');

const head = (method: string) =>
  `${method} / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;

describe.each(['GET', 'POST'])('a response of the upstream to %s', (method) => {
  it('with an invalid reason phrase reaches the client without it', async () => {
    await start(answering('HTTP/1.1 200 O\x01K\r\ncontent-length: 2\r\n\r\n{}'));
    expect(await sendBytes(proxy.url, head(method))).toMatch(/^HTTP\/1\.1 200 \r\n[\s\S]*\{\}$/);
    expect((await fetch(`${proxy.url}/-/health`)).status).toBe(200);
  });

  it.each([
    ['that switches protocols', '101 What\r\nupgrade: what\r\nconnection: upgrade\r\n\r\n'],
    ['with a status below 100', '099 What\r\ncontent-length: 0\r\n\r\n'],
    [
      'in another transfer coding',
      '200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    ],
  ])('%s causes 502', async (_, response) => {
    await start(answering(`HTTP/1.1 ${response}`));
    const answer = await sendBytes(proxy.url, head(method));
    expect(answer).toMatch(/^HTTP\/1\.1 502 [\s\S]*"SAMEKEY_BROKEN_RESPONSE"/);
  });

  it('with any bytes in its headers reaches the client unchanged', async () => {
    const name = 'content-disposition: attachment; filename="caf\xc3\xa9 \xff"';
    await start(answering(`HTTP/1.1 200 OK\r\n${name}\r\ncontent-length: 2\r\n\r\n{}`));
    expect(await sendBytes(proxy.url, head(method))).toContain(`\r\n${name}\r\n`);
    expect(await sendBytes(proxy.url, head(method))).toContain(`\r\n${name}\r\n`);
  });

  it('with status 103 before the final one is not passed on', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
    await start(answering(`${hint}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`));
    expect(await sendBytes(proxy.url, head(method))).toMatch(/^HTTP\/1\.1 200 (?![\s\S]*link)/);
  });
});

it('an upstream that accepts the connection but no TLS handshake received nothing', async () => {
  const silent = createServer((socket) => void socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  await startInFront(['--idle', '1m'], {}, `https://127.0.0.1:${port}`);
  const answers = await Promise.all(
    ['GET', 'POST'].map(async (method) => {
      const response = await fetch(proxy.url, { method });
      return [
        response.status,
        (await response.json()).code,
        response.headers.get('x-should-retry'),
      ];
    }),
  );
  expect(answers).toEqual([
    [502, 'SAMEKEY_UPSTREAM', 'true'],
    [502, 'SAMEKEY_UPSTREAM', 'true'],
  ]);
  await proxy.stop('SIGKILL');
  silent.close();
});

describe('a request', () => {
  const ok: Behaviour = (_, response) => response.end('{}');

  it.each([
    ['with percent-encoded slashes in its path', 'GET /v1/..%2f..%5Cadmin', '', 400],
    ['with parameters behind dots in its path', 'GET /v1/..;/admin', '', 400],
    ['in another transfer coding', 'PUT /v1', 'transfer-encoding: gzip, chunked\r\n', 501],
    [
      'with a key in another transfer coding',
      'POST /v1',
      'transfer-encoding: gzip, chunked\r\n',
      501,
    ],
  ])('%s is refused', async (_, line, header, status) => {
    await start(ok);
    const bytes = `${line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${header}\r\n`;
    const answer = await sendBytes(proxy.url, bytes, header && '1\r\nx\r\n0\r\n\r\n');
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*"SAMEKEY_REFUSED"`));
    expect(upstream.requests).toEqual([]);
  });

  it.each(['user:secret@other.example:443', '/v1?key=secret'])(
    'CONNECT %s does not appear in the log',
    async (target) => {
      await start(ok);
      const answer = await sendBytes(proxy.url, `CONNECT ${target} HTTP/1.1\r\nhost: a\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 403 /);
      await expect.poll(() => proxy.outcomes()).toEqual(['refused']);
      expect(JSON.stringify(proxy.log)).not.toContain('secret');
    },
  );

  it('of a client that stays connected after a refusal is disconnected', async () => {
    await start(ok);
    const { port } = new URL(proxy.url);
    const clients = Array.from({ length: 50 }, (_, at) => {
      const client = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
      client.on('error', () => {}).resume();
      client.write(at % 2 === 0 ? 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n' : 'nonsense\r\n\r\n');
      return client;
    });
    const socketCount = () => proxy.metric('nodejs_active_handles{type="Socket"}');
    await expect.poll(() => proxy.outcomes().length).toBe(clients.length);
    expect(await socketCount()).toBeGreaterThan(clients.length);
    await expect.poll(socketCount).toBeLessThan(clients.length);
    for (const client of clients) client.destroy();
  });

  it.each(['GET', 'POST'])(
    '%s that waits for an earlier response ends when its client disconnects',
    async (method) => {
      await start(({ raw: { url } }, response) => {
        if (url === '/long') response.end(new Uint8Array(20_000_000));
      });
      const { port } = new URL(proxy.url);
      const client = connect(Number(port), '127.0.0.1');
      const second = head(method).replace(' / ', ' /long ');
      client.write(`GET /never HTTP/1.1\r\nhost: localhost\r\n\r\n${second}`);
      await expect.poll(() => upstream.requests.length).toBe(2);
      client.destroy();
      await expect.poll(() => proxy.outcomes()).toEqual(['aborted', 'aborted']);
      expect(await proxy.metric('samekey_proxy_requests_in_flight')).toBe(0);
    },
  );

  it('with the same AWS access key and another signature gets its own response', async () => {
    await start(({ count }, response) => response.end(`${count}`));
    const ask = async (signature: string) => {
      const authorization = `AWS4-HMAC-SHA256 Credential=AKIA1/20261122/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=${signature}`;
      const init = { method: 'POST', headers: { authorization }, body: '{}' };
      return (await fetch(proxy.url, init)).text();
    };
    expect([await ask('a1'), await ask('b2'), await ask('a1')]).toEqual(['1', '2', '1']);
  });
});

it('a web page that uses DNS rebinding cannot read metrics on a separate port', async () => {
  await start((_, response) => response.end(), '--metrics-port', '0');
  const [{ metricsUrl }] = proxy.log as unknown as [{ metricsUrl: string }];
  const ask = (host: string) =>
    sendBytes(metricsUrl, `GET /metrics HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  expect(await ask('other.example')).toMatch(/^HTTP\/1\.1 421 /);
  expect(await ask('localhost')).toMatch(/^HTTP\/1\.1 200 /);
});

it('metrics name a limited number of models', async () => {
  await start(({ body }, response) => {
    const { model } = JSON.parse(body.toString());
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ model, usage: { prompt_tokens: 1, completion_tokens: 1 } }));
  });
  const ask = async (model: string) => {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify({ model }) };
    await (await fetch(proxy.url, init)).text();
  };
  const names = [
    'quoted "\\\n',
    'x'.repeat(5000),
    ...Array.from({ length: 300 }, (_, at) => `m${at}`),
  ];
  for (const name of names) {
    await ask(name);
    await ask(name);
  }
  const tokens = async () => {
    const text = await (await fetch(`${proxy.url}/-/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith('samekey_proxy_saved_tokens_total'));
  };
  await expect.poll(async () => (await tokens()).length).toBe(2 * 201);
  const labels = (model: string) => `{model="${model}",direction="input"}`;
  expect(await tokens()).toContain(
    `samekey_proxy_saved_tokens_total${labels('quoted \\"\\\\\\n')} 1`,
  );
  expect(await tokens()).toContain(`samekey_proxy_saved_tokens_total${labels('other')} 102`);
});

it.each([
  ['text/event-stream', 'data: {"error":{"message":"secret"}}\n\n', 'it says …'],
  ['application/json', 'secret', 'its body is no JSON'],
])('the text of a body of %s does not appear in the log', async (type, body, why) => {
  await start(answering(`HTTP/1.0 200 OK\r\ncontent-type: ${type}\r\n\r\n${body}`));
  await sendBytes(proxy.url, head('POST'));
  await expect.poll(() => proxy.outcomes()).toEqual(['executed']);
  const [warning] = proxy.log.filter(({ msg }) => msg === 'response not stored');
  expect(warning?.error).toMatch(new RegExp(`: ${why}$`));
  expect(JSON.stringify(proxy.log)).not.toContain('secret');
});
