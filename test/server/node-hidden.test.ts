import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import compression from 'compression';
import express from 'express';
import { expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';
import { afterTest, connectTo, latch, listen, post, startNode } from './node-server.js';

it('the socket looks open to a handler as soon as it is destroyed, until the response ends', async () => {
  const isOpen: unknown[] = [];
  const events: string[] = [];
  let runs = 0;
  const { opened, open } = latch();
  const { url, server } = await startNode(async (request, response) => {
    if (++runs > 1) return response.end('again');
    const { socket } = request;
    const look = () =>
      isOpen.push(
        ...[request.socket, response.socket].map((each) => [
          each?.destroyed,
          each?.writable,
          each?.readable,
        ]),
        [request.destroyed, response.destroyed, response.closed],
      );
    for (const event of ['end', 'close', 'error']) socket.on(event, () => events.push(event));
    look();
    server.closeAllConnections();
    look();
    await turn();
    look();
    await turn();
    look();
    open();
    response.end('one');
    isOpen.push('ended', [request.socket.destroyed, response.destroyed]);
    await once(response, 'close');
    return undefined;
  });
  const first = post(url).catch(() => 'cut off');
  await opened;
  expect(await first).toBe('cut off');
  const usual = [
    [false, true, true],
    [false, true, true],
    [false, false, false],
  ];
  await expect
    .poll(() => isOpen)
    .toEqual([...usual, ...usual, ...usual, ...usual, 'ended', [true, true]]);
  await expect.poll(() => events).toEqual(['close']);
  expect(await (await post(url)).text()).toBe('one');
  expect(runs).toBe(1);
});

it('a listener of a socket that is added between its requests is called at once', async () => {
  let added: Promise<unknown> | undefined;
  const { url } = await startNode((request, response) => {
    const { socket } = request;
    response.end('one');
    response.on('close', () => {
      added = once(socket, 'close');
    });
  });
  const socket = connectTo(url);
  for (const key of ['a', 'b']) {
    added = undefined;
    socket.write(
      `POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: ${key}\r\ncontent-length: 0\r\n\r\n`,
    );
    await expect.poll(() => added !== undefined).toBe(true);
  }
  socket.destroy();
  await added;
});

it.each(['at once', 'in pieces'])('two middlewares capture one response %s', async (how) => {
  let runs = 0;
  const app = express();
  const guard = () => expressIdempotency({ store: memoryStore() });
  app.use(guard(), compression({ threshold: 0 }), guard());
  app.post('/', async (_, response) => {
    const text = `${++runs} and more`;
    response.type('text/plain');
    if (how === 'at once') return void response.end(text);
    response.write(text.slice(0, 3));
    await turn();
    response.end(text.slice(3));
  });
  const url = await listen(createServer(app));
  for (const outcome of ['executed', 'replayed']) {
    const response = await post(url);
    expect([response.headers.get('samekey'), response.headers.get('content-encoding')]).toEqual([
      outcome,
      'gzip',
    ]);
    expect(await response.text()).toBe('1 and more');
  }
  expect(runs).toBe(1);
});

it('two middlewares run the handler to its end if its client disconnects', async () => {
  let runs = 0;
  const { opened, open } = latch();
  const guard = () => expressIdempotency({ store: memoryStore() });
  const [outer, inner] = [guard(), guard()];
  const url = await listen(
    createServer((request, response) => {
      const failed = (error: unknown) => response.writeHead(500).end(String(error));
      outer(request as never, response, (error) => {
        if (error !== undefined) return failed(error);
        inner(request as never, response, async (error) => {
          if (error !== undefined) return failed(error);
          runs++;
          await opened;
          let text = '';
          for await (const chunk of request) text += chunk;
          response.end(text);
          return undefined;
        });
        return undefined;
      });
    }),
  );
  const socket = connectTo(url);
  socket.write(
    'POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\none',
  );
  await expect.poll(() => runs).toBe(1);
  socket.resetAndDestroy();
  const retry = post(url, { body: 'one', headers: { 'content-type': 'text/plain' } });
  await turn();
  open();
  expect(await (await retry).text()).toBe('one');
  expect(runs).toBe(1);
});

it.each(['content-length: 3', 'transfer-encoding: chunked'])(
  'two middlewares of Express read one body one after the other, with %s',
  async (framing) => {
    const seen: string[] = [];
    const app = express();
    const guard = () => expressIdempotency({ store: memoryStore() });
    app.use(guard(), guard());
    app.post('/', async (request, response) => {
      seen.push((await request.toArray()).join(''));
      response.send('done');
    });
    const url = await listen(createServer(app));
    const bodies = framing.startsWith('t') ? ['3\r\none\r\n0\r\n\r\n', '0\r\n\r\n'] : ['one'];
    for (const [at, body] of bodies.entries()) {
      const socket = connectTo(url);
      socket.write(
        `POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nidempotency-key: ${at}\r\ncontent-type: text/plain\r\n${framing}\r\n\r\n${body}`,
      );
      expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*done/);
    }
    expect(seen).toEqual(['one', ''].slice(0, bodies.length));
  },
);

it('a body that was read between two middlewares is refused, unless a parser has left it', async () => {
  const app = express();
  const guard = () => expressIdempotency({ store: memoryStore() });
  app.use(guard());
  app.use('/read', async (request, _, next) => {
    await request.toArray();
    next();
  });
  app.use('/parsed', express.json());
  app.use(guard());
  app.post(/.*/, (request, response) => void response.json(request.body ?? null));
  app.use(((error, _, response, __) => {
    response.status(500).send(error.code);
  }) as express.ErrorRequestHandler);
  const url = await listen(createServer(app));
  const json = { body: '{"a":1}', headers: { 'content-type': 'application/json' } };
  expect(await (await post(`${url}read`, json)).text()).toBe('SAMEKEY_BAD_ARGUMENT');
  expect(await (await post(`${url}parsed`, json)).text()).toBe('{"a":1}');
});

it('over HTTP/2 a client that resets its stream does not end the handler, but the handler may', async () => {
  let runs = 0;
  let opened = latch();
  const middleware = expressIdempotency({ store: memoryStore() });
  const server = createHttp2((request, response) => {
    middleware(request as never, response as never, async () => {
      runs++;
      const { opened: wait } = opened;
      response.write('half');
      await wait;
      if (request.headers['idempotency-key'] === 'own') response.stream.destroy();
      else response.end(' and half');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  afterTest(() => {
    client.destroy();
    server.close();
  });
  const ask = (key: string) => client.request({ ':method': 'POST', 'idempotency-key': key }).end();
  const textOf = async (stream: ReturnType<typeof ask>) => (await stream.toArray()).join('');

  const reset = ask('reset');
  reset.on('error', () => {});
  await once(reset, 'data');
  reset.close(8);
  await once(reset, 'close');
  const joined = ask('reset');
  await once(joined, 'response');
  opened.open();
  expect(await textOf(joined)).toBe('half and half');
  expect(runs).toBe(1);

  opened = latch();
  const both = [ask('own'), ask('own')];
  const ends = both.map((stream) => {
    stream.on('error', () => {}).resume();
    return once(stream, 'close').then(() => stream.rstCode);
  });
  await Promise.all(both.map((stream) => once(stream, 'response')));
  opened.open();
  await Promise.all(ends);
  expect(runs).toBe(2);
  // Nothing was stored.
  opened = latch();
  opened.open();
  const again = ask('own');
  again.on('error', () => {}).resume();
  await once(again, 'close');
  expect(runs).toBe(3);
});
