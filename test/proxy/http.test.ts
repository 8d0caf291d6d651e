import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { NATURAL_KEYS } from '../key/natural-keys.js';
import { startUpstream, type Upstream } from '../servers/upstream.js';
import { sendBytes } from './program.js';
import { proxy, start, startBehind, startInFront, upstream, useProxy } from './scene.js';

useProxy();

const JSON_TYPE = { 'content-type': 'application/json' };

const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${proxy.url}/v1/messages`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: body as BodyInit,
    redirect: 'manual',
  });

const raw = (...pieces: string[]) => sendBytes(proxy.url, ...pieces);

const ask = (target: string, ...lines: string[]) =>
  raw(`GET ${target} HTTP/1.1\r\n${[...lines, 'connection: close'].join('\r\n')}\r\n\r\n`);

const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));

describe('the proxy refuses', () => {
  const seen: string[] = [];
  const begin = () =>
    start(({ raw: { url = '' } }, response) => {
      seen.push(url);
      response.end('reached');
    });

  it.each([
    ['an absolute target', 'http://other.example/v1', 'host: other.example', 421],
    [
      'an absolute target with credentials',
      'http://u:secret@other.example/',
      'host: other.example',
      421,
    ],
    ['an asterisk', '*', 'host: localhost', 421],
    ['the Host of another machine', '/v1', 'host: other.example', 421],
    [
      'a Host that starts like the name of this machine',
      '/v1',
      'host: 127.0.0.1.other.example',
      421,
    ],
    ['dots in the path', '/v1/../admin', 'host: localhost', 400],
    ['percent-encoded dots in the path', '/v1/%2e%2E/admin', 'host: localhost', 400],
    ['a backslash', '/v1\\admin', 'host: localhost', 400],
    ['two Host headers', '/v1', 'host: localhost\r\nhost: other.example', 400],
  ])('%s', async (_, target, host, status) => {
    seen.length = 0;
    await begin();
    const answer = await ask(target, host, 'authorization: Bearer secret');
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain('content-type: application/problem+json');
    expect(problemIn(answer)).toEqual({
      type: expect.stringMatching(/\/docs\/proxy\.md#refused$/),
      title: 'The proxy refuses the request',
      status,
      detail: expect.any(String),
      code: 'SAMEKEY_REFUSED',
    });
    expect(seen).toEqual([]);
    await expect.poll(() => proxy.outcomes()).toEqual(['refused']);
    expect(JSON.stringify(proxy.log)).not.toContain('secret');
  });

  it('no path that looks like a host', async () => {
    seen.length = 0;
    await begin();
    expect(await ask('//other.example/v1?key=secret', 'host: localhost:1')).toMatch(/reached/);
    expect(seen).toEqual(['//other.example/v1?key=secret']);
    await expect.poll(() => proxy.outcomes()).toEqual(['passed']);
    expect(JSON.stringify(proxy.log)).not.toContain('secret');
  });

  it('CONNECT and upgrades', async () => {
    await begin();
    const tunnel = await raw('CONNECT other.example:443 HTTP/1.1\r\nhost: other.example\r\n\r\n');
    expect(tunnel).toMatch(/^HTTP\/1\.1 403 /);
    expect(problemIn(tunnel).detail).toMatch(/^Cannot open a tunnel to "other\.example:443"/);
    const upgraded = await raw(
      'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n',
    );
    expect(upgraded).toMatch(/^HTTP\/1\.1 501 /);
    expect(problemIn(upgraded).detail).toContain('"websocket" is not supported');
  });

  it('bytes that are not HTTP', async () => {
    await begin();
    expect(await raw('GET / HTTP/1.1\r\nhost: localhost\r\nx: \x00\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*SAMEKEY_REFUSED/,
    );
    // Request smuggling uses two lengths.
    const smuggled =
      'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await raw(smuggled)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(`GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it('a request that has passed it before', async () => {
    await start(async ({ raw: { headers } }, response) => {
      // The upstream leads back to the proxy.
      const again = await fetch(proxy.url, { headers: { via: headers.via as string } });
      response.writeHead(again.status).end(await again.text());
    });
    const looped = await fetch(proxy.url);
    expect(looped.status).toBe(508);
  });

  it('to show metrics for the Host of another machine', async () => {
    await begin();
    expect(await ask('/-/metrics', 'host: other.example')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask('/-/metrics', 'host: localhost:1')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('to follow a redirect, which it passes on', async () => {
    const other = await startUpstream((_, response) => response.end('reached'));
    await start((_, response) => response.writeHead(307, { location: other.url }).end());
    const { status, headers } = await post('{}', { authorization: 'Bearer secret' });
    expect([status, headers.get('location')]).toEqual([307, other.url]);
    expect(other.requests).toEqual([]);
    await other.stop();
  });
});

describe('headers', () => {
  const HOP =
    'connection: close, x-own\r\nx-own: 1\r\nproxy-authorization: Basic c2VjcmV0\r\nte: trailers\r\nkeep-alive: 1';

  it.each(['GET', 'POST'])(
    'of one connection are not forwarded, both ways, for %s',
    async (method) => {
      await start((_, response) => {
        response.writeHead(200, {
          connection: 'x-hop, keep-alive',
          'x-hop': '1',
          'proxy-authenticate': 'Basic',
          'x-passed': 'caf\xe9',
        });
        response.end('ok');
      });
      const answer = await raw(
        `${method} / HTTP/1.1\r\nhost: localhost\r\n${HOP}\r\nx-passed: caf\xe9\r\ncontent-length: 0\r\n\r\n`,
      );
      const { headers } = upstream.requests[0] as Upstream['requests'][0];
      expect(headers).toMatchObject({ host: new URL(upstream.url).host, 'x-passed': 'caf\xe9' });
      expect(headers.via).toMatch(/^1\.1 samekey-[0-9a-f]{8}$/);
      for (const name of ['x-own', 'proxy-authorization', 'te', 'keep-alive']) {
        expect(headers).not.toHaveProperty(name);
      }
      expect(answer).toMatch(/^x-passed: caf\xe9\r$/im);
      expect(answer).not.toMatch(/^(?:x-hop|proxy-authenticate):/im);
    },
  );

  it('that are repeated stay repeated without a key', async () => {
    await start((_, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2']).end();
    });
    const { headers } = await fetch(proxy.url, { headers: [['x-twice', 'a']] });
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    // Only the client whose request was sent gets the cookies.
    expect((await post('{}')).headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect((await post('{}')).headers.getSetCookie()).toEqual([]);
  });

  it('with a malformed key are refused before they are sent', async () => {
    await start((_, response) => response.end('{}'));
    for (const key of ['order 7', 'undefined', `ik_${'a'.repeat(9000)}`]) {
      const response = await post('{}', { 'idempotency-key': key });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        type: expect.stringMatching(/\/docs\/server\.md#key-malformed$/),
        code: 'SAMEKEY_BAD_KEY',
      });
    }
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    ['any', 'Bearer sk-live-123: it is'],
    ['any', '"sk-live-123: it'],
    ['uuid', 'sk-live-123'],
  ])(
    'with a malformed key of the format %s are refused, and the log has no key: %s',
    async (format, key) => {
      await start(
        (_, response) => response.end('{}'),
        '--key-format',
        format,
        '--log-level',
        'debug',
      );
      const response = await post('{}', { 'idempotency-key': key });
      expect([response.status, (await response.json()).detail]).toEqual([
        400,
        expect.stringContaining('sk-live-123'),
      ]);
      await expect.poll(() => proxy.outcomes()).toEqual(['refused']);
      expect(proxy.log.find(({ msg }) => msg === 'request')).toMatchObject({
        code: 'SAMEKEY_BAD_KEY',
        error: expect.stringMatching(/^Cannot use the Idempotency-Key …: .*wanted/),
      });
      expect(JSON.stringify(proxy.log)).not.toContain('sk-live');
    },
  );

  it('that are refused are in no line of the log', async () => {
    await start((_, response) => response.end('{}'), '--log-level', 'debug');
    await ask('/v1', 'host: sk-live-1.example');
    await ask('/v1', 'host: localhost', 'connection: upgrade', 'upgrade: sk-live-2');
    await raw('CONNECT sk-live-3:443 HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await raw('GET http://sk-live-4/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    await expect.poll(() => proxy.outcomes()).toEqual(['refused', 'failed', 'refused', 'refused']);
    expect(JSON.stringify(proxy.log)).not.toContain('sk-live');
  });

  it('with a key that the client chose are forwarded once', async () => {
    await start((_, response) => response.end('{}'));
    for (const key of NATURAL_KEYS) {
      for (const outcome of ['executed', 'replayed']) {
        const response = await post('{"a":1}', { 'idempotency-key': key });
        expect([response.status, response.headers.get('samekey')]).toEqual([200, outcome]);
      }
      expect(upstream.requests.at(-1)?.headers['idempotency-key']).toBe(key);
    }
    expect(upstream.requests).toHaveLength(NATURAL_KEYS.length);
  });

  it('with a valid key are forwarded, and another body is refused', async () => {
    await start((_, response) => response.end('{}'), '--key-format', 'uuid');
    const key = '7d0c5f4e-6c1a-4b0e-9c38-0d1a2b3c4d5e';
    expect((await post('{"a":1}', { 'idempotency-key': key })).status).toBe(200);
    const other = await post('{"a":2}', { 'idempotency-key': `"${key}"` });
    expect([other.status, (await other.json()).code]).toEqual([422, 'SAMEKEY_MISMATCH']);
    expect(upstream.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([key]);
  });
});

describe('bodies', () => {
  it('pass unchanged without a key: encoded, both ways, and of any length', async () => {
    const content = randomBytes(3_000_000);
    const coded = gzipSync(content);
    await start(
      ({ body }, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length });
        response.end(body);
      },
      '--max-body',
      '1000',
    );
    const put = await fetch(`${proxy.url}/file?x=%27`, {
      method: 'PUT',
      body: coded,
      headers: { 'content-encoding': 'gzip' },
    });
    expect(Buffer.from(await put.arrayBuffer()).equals(content)).toBe(true);
    expect(upstream.requests[0]?.body.equals(coded)).toBe(true);
    expect(upstream.requests[0]?.headers['content-length']).toBe(String(coded.length));
  });

  it('pass in chunks if their length is unknown, also for DELETE', async () => {
    await start(({ body }, response) => response.end(body));
    const answer = await raw(
      'DELETE /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
      '3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*abcdef/);
    expect(upstream.requests[0]?.body.toString()).toBe('abcdef');
  });

  it('pass unchanged with a key: JSON, forms, other bytes', async () => {
    await start((_, response) => response.end('{}'));
    const json = '{ "b" : 1.0, "a": "\\u0061" }';
    await post(json);
    const part = 'content-disposition: form-data; name="a"\r\nx-own: 1\r\n\r\nvalue\r\n';
    for (const boundary of ['one', 'two']) {
      const type = `multipart/form-data; boundary=${boundary}`;
      const form = `--${boundary}\r\n${part}--${boundary}--\r\n`;
      const { headers } = await post(form, { 'content-type': type });
      expect(headers.get('samekey')).toBe(boundary === 'one' ? 'executed' : 'replayed');
    }
    await post('not JSON {');
    expect(upstream.requests.map(({ body }) => body.toString())).toEqual([
      json,
      `--one\r\n${part}--one--\r\n`,
      'not JSON {',
    ]);
  });

  it('that are encoded although identity was asked for are decoded, without their content-length', async () => {
    const content = JSON.stringify({ text: 'x'.repeat(100_000) });
    await start((_, response) => {
      const coded = gzipSync(content);
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': coded.length });
      response.end(coded);
    });
    for (const outcome of ['executed', 'replayed']) {
      const response = await post('{}', { 'accept-encoding': 'gzip' });
      expect(response.headers.get('samekey')).toBe(outcome);
      expect(response.headers.get('content-encoding')).toBeNull();
      expect(response.headers.get('content-length')).toBeNull();
      expect(await response.text()).toBe(content);
    }
    expect(upstream.requests.map(({ headers }) => headers['accept-encoding'])).toEqual([
      'identity',
    ]);
  });

  it.each(['zstd', 'constructor', '__proto__'])('in the coding %s cause 502', async (coding) => {
    await start((_, response) => response.writeHead(200, { 'content-encoding': coding }).end('x'));
    const response = await post('{}');
    expect([response.status, (await response.json()).code]).toEqual([
      502,
      'SAMEKEY_BROKEN_RESPONSE',
    ]);
  });

  it('with an empty content-encoding are not encoded', async () => {
    await start((_, response) =>
      response.writeHead(200, { 'content-encoding': '' }).end('{"a":1}'),
    );
    for (const outcome of ['executed', 'replayed']) {
      const response = await post('{}');
      expect(response.headers.get('samekey')).toBe(outcome);
      expect(await response.json()).toEqual({ a: 1 });
    }
    expect(upstream.requests).toHaveLength(1);
  });

  it.each([
    ['PUT', '0'],
    ['POST', '0'],
    ['PATCH', '0'],
    ['PROPFIND', '0'],
    ['GET', undefined],
    ['HEAD', undefined],
    ['DELETE', undefined],
    ['OPTIONS', undefined],
  ])('that are missing stay missing without a key: %s', async (method, length) => {
    await start((_, response) => response.end('ok'), '--pass', '/');
    await raw(`${method} /a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    const { headers } = upstream.requests[0] as Upstream['requests'][0];
    expect([headers['transfer-encoding'], headers['content-length']]).toEqual([undefined, length]);
  });

  it('that are decoded for a request of --provider-state pass leave the connection usable', async () => {
    const content = JSON.stringify({ text: 'x'.repeat(100_000) });
    await start(
      ({ count }, response) => {
        const coded = gzipSync(content);
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          'content-length': coded.length,
          connection: 'x-hop, keep-alive',
          'x-hop': '1',
          'proxy-authenticate': 'Basic',
          samekey: 'replayed',
          'x-count': count,
        });
        response.end(coded);
      },
      '--provider-state',
      'pass',
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const body = '{"previous_response_id":"resp_1","input":"a"}';
    for (const count of ['1', '2', '3']) {
      const request = httpRequest(`${proxy.url}/v1/responses`, {
        method: 'POST',
        agent,
        headers: { ...JSON_TYPE, 'content-length': body.length },
      });
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(response.headers).toMatchObject({ 'x-count': count });
      for (const name of ['content-encoding', 'content-length', 'x-hop', 'proxy-authenticate']) {
        expect(response.headers).not.toHaveProperty(name);
      }
      expect((await response.toArray()).join('')).toBe(content);
    }
    agent.destroy();
    await expect.poll(() => proxy.outcomes()).toEqual(['passed', 'passed', 'passed']);
    expect(await proxy.metric('samekey_proxy_requests_total{outcome="passed",status="200"}')).toBe(
      3,
    );
  });

  it.each([
    ['shorter', 'content-length: 20\r\n\r\n{"half":'],
    ['in malformed chunks', 'transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\nzz\r\n'],
  ])('%s than announced are incomplete and not stored', async (_, rest) => {
    await start(({ count, raw: { socket } }, response) => {
      if (count > 1) return response.end('{"a":1}');
      return socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${rest}`);
    });
    await expect(post('{}').then((response) => response.text())).rejects.toThrow();
    const again = await post('{}');
    expect([again.headers.get('samekey'), await again.text()]).toEqual(['executed', '{"a":1}']);
  });

  it('longer than announced end at their content-length', async () => {
    await start(({ raw: { socket } }) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}{"of":"another"}'),
    );
    expect(await (await post('{}')).text()).toBe('{}');
    expect(await (await post('{}')).text()).toBe('{}');
  });

  it.each([
    ['a header with invalid bytes', 'HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n'],
    ['bytes that are not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['an unknown status', 'HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n'],
  ])('%s from the upstream cause 502', async (_, answer) => {
    await start(({ raw: { socket } }) => socket.end(answer, 'latin1'));
    const response = await post('{}');
    expect(response.status).toBe(502);
    expect((await response.json()).code).toMatch(/^SAMEKEY_(?:UNKNOWN_OUTCOME|BROKEN_RESPONSE)$/);
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  it('that are too long cause 413, which a client that is still sending can read', async () => {
    await start((_, response) => response.end('{}'), '--max-body', '1MiB');
    const response = await post(new Uint8Array(8 * 1024 * 1024));
    expect([response.status, (await response.json()).code]).toEqual([413, 'SAMEKEY_TOO_LONG']);
    // Without content-length.
    const chunk = `${(700_000).toString(16)}\r\n${'x'.repeat(700_000)}\r\n`;
    const head =
      'POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(await raw(head, chunk, chunk, '0\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /);
    expect(upstream.requests).toEqual([]);
    // Without a key a body may have any length.
    await proxy.stop();
    await startInFront(['--max-body', '1', '--pass', '/v1/']);
    expect((await post('{"longer":1}')).headers.get('samekey')).toBeNull();
  });

  it('that never arrive cause 408, and half bodies are not forwarded', async () => {
    await start((_, response) => response.end('{}'), '--idle', '300ms');
    const head =
      'POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{';
    expect(await raw(head)).toMatch(/^HTTP\/1\.1 408 /);
    const { port } = new URL(proxy.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(head, () => socket.destroy());
    await expect.poll(() => proxy.outcomes()).toEqual(['refused', 'aborted']);
    expect(upstream.requests).toEqual([]);
  });

  it('are asked for with 100 Continue, unless they are refused', async () => {
    await start((_, response) => response.end('{}'), '--max-body', '100');
    const send = async (length: number) => {
      const headers = { expect: '100-continue', 'content-length': length, 'content-type': 'a/b' };
      const request = httpRequest(proxy.url, { method: 'POST', headers });
      let isContinued = false;
      request.on('continue', () => {
        isContinued = true;
        request.end('x'.repeat(length));
      });
      request.on('error', () => {});
      request.flushHeaders();
      const [response] = await once(request, 'response');
      response.resume();
      request.destroy();
      return [isContinued, response.statusCode];
    };
    expect(await send(5)).toEqual([true, 200]);
    expect(await send(500)).toEqual([false, 413]);
    expect(upstream.requests[0]?.headers).not.toHaveProperty('expect');
  });
});

it('the path of the upstream precedes the unchanged path and query of a request', async () => {
  const seen: (string | undefined)[] = [];
  await startBehind(({ raw: { url } }, response) => {
    seen.push(url);
    response.end('{}');
  });
  await startInFront([], {}, `${new URL(upstream.url).origin}/tenant/`);
  for (const method of ['GET', 'POST']) {
    await (await fetch(`${proxy.url}/v1/a%2Fb%20'?q='%27&r`, { method })).text();
  }
  expect(seen).toEqual(["/tenant/v1/a%2Fb%20'?q=%27%27&r", "/tenant/v1/a%2Fb%20'?q=%27%27&r"]);
});

describe('a stream', () => {
  it('reaches every client as it arrives', async () => {
    let proceed: () => void = () => {};
    await start(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let at = 0; at < 5; at++) {
        response.write(`data: ${at}\n\n`);
        // Waits until every client has this event.
        await new Promise<void>((resolve) => {
          proceed = resolve;
        });
      }
      response.end();
    });
    const responses = await Promise.all([post('{}'), post('{}')]);
    const readers = responses.map(({ body }) => (body as ReadableStream<Uint8Array>).getReader());
    for (let at = 0; at < 5; at++) {
      for (const reader of readers) {
        const { value } = await reader.read();
        expect(new TextDecoder().decode(value)).toBe(`data: ${at}\n\n`);
      }
      proceed();
    }
    for (const reader of readers) expect((await reader.read()).done).toBe(true);
    expect(upstream.requests).toHaveLength(1);
  });

  it('of bytes passes without a key as well', async () => {
    const content = randomBytes(5_000_000);
    await start(({ body }, response) => {
      for (let at = 0; at < body.length; at += 10_000) {
        response.write(body.subarray(at, at + 10_000));
      }
      response.end();
    });
    const response = await fetch(proxy.url, { method: 'PUT', body: content });
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(content));
  });
});

describe('errors', () => {
  it('report that an unreachable upstream received nothing', async () => {
    await start((_, response) => response.end());
    await upstream.stop();
    for (const method of ['GET', 'POST']) {
      const response = await fetch(proxy.url, { method });
      expect(response.status).toBe(502);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('x-should-retry')).toBe('true');
      expect(await response.json()).toMatchObject({ code: 'SAMEKEY_UPSTREAM', status: 502 });
    }
  });

  it('are 409 if another request is in progress for longer than waitMs', async () => {
    let answer = () => {};
    await startBehind((_, response) => {
      answer = () => response.end('{}');
    });
    await startInFront([], { SAMEKEY_WAIT_MS: '200' });
    const first = post('{}');
    await expect.poll(() => upstream.requests.length).toBe(1);
    const second = await post('{}');
    expect([second.status, (await second.json()).code]).toEqual([409, 'SAMEKEY_IN_PROGRESS']);
    expect(second.headers.get('retry-after')).toBe('1');
    answer();
    expect((await first).status).toBe(200);
  });

  it('are 504 for a silent upstream without a key', async () => {
    await start(() => {}, '--idle', '200ms');
    const response = await fetch(proxy.url);
    expect([response.status, (await response.json()).code]).toEqual([504, 'SAMEKEY_TIMEOUT']);
  });
});
