import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2,
  type Http2Server,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import compression from 'compression';
import express from 'express';
import Fastify, { type FastifyRequest } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import type { ServerOptions } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

const stopping: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

/** Listens, and ends with the test. */
async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stopping.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A store with its functions as members of its own. */
const bound = (store: Store): Store =>
  Object.fromEntries(
    (['claim', 'renew', 'complete', 'release', 'read', 'evict', 'watch', 'close'] as const).map(
      (name) => [name, (store[name] as (...given: never[]) => unknown | undefined)?.bind(store)],
    ),
  ) as unknown as Store;

const post = (url: string, init: RequestInit = {}, key = 'a') =>
  fetch(url, {
    method: 'POST',
    ...init,
    headers: { 'idempotency-key': key, ...(init.headers as Record<string, string>) },
  });

/** What a handler waits for until the test goes on. */
function untilTold() {
  let goOn = () => {};
  const told = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  return { told, goOn };
}

/** What takes `(request, response, next)`, without a framework. */
async function onNode(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  options: Partial<ServerOptions<never>> = {},
) {
  const middleware = expressIdempotency({ store: memoryStore(), ...options });
  const errors: unknown[] = [];
  const server = createServer((request, response) => {
    middleware(request as never, response, (error) => {
      if (error !== undefined) errors.push(error);
      else handle(request, response);
    });
  });
  return { url: await listening(server), errors, middleware, server };
}

/** Sends a request, and hangs up when it was heard. */
async function hangUp(url: string, heard: () => boolean, how: 'end' | 'reset', body = '') {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    `POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\n${body && 'content-type: application/json\r\n'}content-length: ${body.length}\r\n\r\n${body}`,
  );
  await expect.poll(heard).toBe(true);
  if (how === 'end') socket.destroy();
  else socket.resetAndDestroy();
}

describe('a handler of node:http', () => {
  it.each(['end', 'reset'] as const)('pipes on when its client is gone (%s)', async (how) => {
    let runs = 0;
    const seen: string[] = [];
    const { told, goOn } = untilTold();
    const { url } = await onNode(async (_, response) => {
      runs++;
      response.on('close', () => seen.push('close'));
      response.on('finish', () => seen.push('finish'));
      const words = async function* () {
        yield 'one ';
        await told;
        yield 'two';
        seen.push('all read');
      };
      await pipeline(Readable.from(words()), response).catch(() => {});
    });
    await hangUp(url, () => runs === 1, how);
    await sleep(50);
    expect(seen).toEqual([]);
    const response = await post(url);
    goOn();
    expect([response.headers.get('samekey'), await response.text()]).toEqual(['joined', 'one two']);
    expect(runs).toBe(1);
    await expect.poll(() => seen).toEqual(['all read', 'close']);
  });

  it.each(['before', 'after'])(
    'is told that its client is gone if it is not to go on then, %s its head',
    async (when) => {
      let runs = 0;
      const closed: string[] = [];
      const { url } = await onNode(
        (request, response) => {
          runs++;
          request.on('close', () => closed.push('request'));
          response.on('close', () => closed.push('response'));
          if (when === 'after') response.write('one');
        },
        { onAbandoned: 'abort' },
      );
      await hangUp(url, () => runs === 1, 'end');
      await expect.poll(() => closed.sort()).toEqual(['request', 'response']);
    },
  );

  it.each(['for await', 'data'])(
    'reads its body by %s, and sees no end of its request, when its client is gone',
    async (how) => {
      let runs = 0;
      const { told, goOn } = untilTold();
      const seen: string[] = [];
      const { url } = await onNode(async (request, response) => {
        runs++;
        for (const event of ['close', 'aborted']) request.on(event, () => seen.push(event));
        await told;
        let text = '';
        if (how === 'data') {
          request.on('data', (chunk) => {
            text += chunk;
          });
          await once(request, 'end');
        } else for await (const chunk of request) text += chunk;
        response.end(text);
      });
      await hangUp(url, () => runs === 1, 'reset', '{"item":1}');
      const retry = post(url, {
        body: '{"item":1}',
        headers: { 'content-type': 'application/json' },
      });
      await sleep(50);
      expect(seen).toEqual([]);
      goOn();
      expect(await (await retry).text()).toBe('{"item":1}');
      expect(seen).not.toContain('aborted');
      expect(runs).toBe(1);
    },
  );

  it.each([
    ['closes connections on which nothing happens', 100],
    ['closes all connections', 0],
  ])('is worth no less where the server %s', async (_, timeoutMs) => {
    let runs = 0;
    const { told, goOn } = untilTold();
    const { url, server } = await onNode(async (_, response) => {
      runs++;
      await told;
      response.end('done');
    });
    server.setTimeout(timeoutMs);
    const first = post(url).catch(() => 'cut off');
    await expect.poll(() => runs).toBe(1);
    if (timeoutMs === 0) server.closeAllConnections();
    expect(await first).toBe('cut off');
    server.setTimeout(0);
    const retry = post(url);
    await sleep(50);
    goOn();
    expect(await (await retry).text()).toBe('done');
    expect(runs).toBe(1);
  });

  it('may go on when it took too long, and what it does then goes nowhere', async () => {
    let runs = 0;
    const { told, goOn } = untilTold();
    let end: unknown;
    const { url } = await onNode(
      async (_, response) => {
        if (++runs > 1) return response.end('in time');
        await told;
        try {
          response.setHeader('x-late', '1').appendHeader('x-late', '2');
          for (let n = 0; n < 100; n++) {
            if (!response.write(Buffer.alloc(1 << 16))) await once(response, 'drain');
          }
          response.end();
          end = 'reached';
        } catch (error) {
          end = error;
        }
      },
      { idleMs: 100 },
    );
    const refused = await post(url);
    expect([refused.status, refused.headers.get('x-late')]).toEqual([504, null]);
    await refused.text();
    goOn();
    await expect.poll(() => end).toBe('reached');
    expect(await (await post(url)).text()).toBe('in time');
  });

  it('is not run for a client that is gone before it is reached, and keeps nobody waiting', async () => {
    let runs = 0;
    const middleware = expressIdempotency({ store: memoryStore(), maxResultBytes: 1000 });
    let reached = 0;
    const url = await listening(
      createServer(async (request, response) => {
        if (request.headers.connection === 'close') await once(response, 'close');
        middleware(request as never, response, () => {
          runs++;
          response.end('x'.repeat(1 << 20));
        });
        reached++;
      }),
    );
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(
      'POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    );
    await sleep(50);
    socket.resetAndDestroy();
    await expect.poll(() => reached).toBe(1);
    expect(await (await post(url)).text()).toHaveLength(1 << 20);
    expect(runs).toBe(1);
  });

  it('that cuts its own response off fails for all, and the next one runs', async () => {
    let runs = 0;
    const { url } = await onNode(async (request, response) => {
      if (++runs > 2) return response.end('whole');
      response.write('half');
      await sleep(50);
      // As frameworks do it when an error comes too late, one way or the other.
      if (runs === 1) request.socket.destroy();
      else response.destroy();
    });
    for (const _ of [1, 2]) {
      const both = await Promise.all([post(url), post(url)]);
      for (const each of both) await expect(each.text()).rejects.toThrow();
    }
    expect(await (await post(url)).text()).toBe('whole');
    expect(runs).toBe(3);
  });

  it('writes in every way that Node has', async () => {
    const ways: Record<string, (response: ServerResponse) => unknown> = {
      'end with text': (response) => response.end('höhe'),
      'end with an encoding': (response) => response.end('68c3b66865', 'hex'),
      'write and end': (response) => {
        response.write('h');
        response.write(Buffer.from('ö'), () => response.end('he', 'latin1'));
      },
      'writeHead with a list': (response) =>
        response.writeHead(201, ['x-a', '1', 'x-b', '2']).end('höhe'),
      'writeHead with words': (response) =>
        response.setHeader('x-a', '1').writeHead(201, 'Made', { 'x-b': 2 }).end('höhe'),
      'flushHeaders first': (response) => {
        response.statusCode = 201;
        response.setHeader('x-a', ['1', '2']);
        response.flushHeaders();
        response.end('höhe');
      },
    };
    const states: unknown[] = [];
    let way = '';
    const { url } = await onNode((_, response) => {
      states.push(response.headersSent, response.writableEnded);
      ways[way]?.(response);
      if (way !== 'write and end') states.push(response.headersSent, response.writableEnded);
    });
    for (way of Object.keys(ways)) {
      const [first, again] = [
        await post(url, {}, way.replaceAll(' ', '-')),
        await post(url, {}, way.replaceAll(' ', '-')),
      ];
      expect([await first.text(), await again.text()], way).toEqual(['höhe', 'höhe']);
      expect(again.headers.get('samekey')).toBe('replayed');
      expect(first.status).toBe(way.startsWith('writeHead') || way.startsWith('flush') ? 201 : 200);
      expect(again.status).toBe(first.status);
      expect([...again.headers.keys()].filter((name) => name.startsWith('x-'))).toEqual(
        [...first.headers.keys()].filter((name) => name.startsWith('x-')),
      );
      if (way.startsWith('end')) expect(first.headers.get('content-length')).toBe('5');
    }
    const usual = [false, false, true, true];
    expect(states).toEqual([...usual, ...usual, false, false, ...usual, ...usual, ...usual]);
  });

  it('has all values of a name that a list has several times', async () => {
    const { url } = await onNode((_, response) => {
      response.setHeader('link', '</old>');
      const links = ['link', '</a>', 'Link', '</b>'];
      response.writeHead(200, [...links, 'set-cookie', 'a=1', 'set-cookie', 'b=2']).end();
    });
    const { headers } = await post(url);
    expect([headers.get('link'), headers.getSetCookie()]).toEqual(['</a>, </b>', ['a=1', 'b=2']]);
    expect((await post(url)).headers.get('link')).toBe('</a>, </b>');
  });

  it('hears of what is neither text nor bytes, as from Node, and of its callbacks', async () => {
    const { url } = await onNode(async (_, response) => {
      const codes: unknown[] = [];
      for (const wrong of [5, { a: 1 }, null, new Uint16Array(2)]) {
        try {
          response.write(wrong);
        } catch (error) {
          codes.push((error as { code?: unknown }).code);
        }
      }
      response.end(JSON.stringify(codes));
      await new Promise<void>((resolve) => response.end(resolve));
    });
    expect(await (await post(url)).json()).toEqual(Array(4).fill('ERR_INVALID_ARG_TYPE'));
  });

  it('that says 205 has no body to wait for', async () => {
    const { url } = await onNode((_, response) => {
      response.writeHead(205, { 'content-length': 5 }).end('hello');
    });
    expect((await post(url)).headers.get('content-length')).not.toBe('5');
  });

  it('is told to wait by who reads slowly, when its response is too long to be kept', async () => {
    let written = 0;
    const length = 40 << 20;
    const { url } = await onNode(
      async (_, response) => {
        const chunk = Buffer.alloc(1 << 18);
        while (written < length) {
          written += chunk.length;
          if (!response.write(chunk)) await once(response, 'drain');
        }
        response.end();
      },
      { maxResultBytes: 1 << 20 },
    );
    const reader = ((await post(url)).body as ReadableStream<Uint8Array>).getReader();
    let read = (await reader.read()).value?.length ?? 0;
    let writtenThen = -1;
    // Until it does not write any longer.
    while (writtenThen !== written) {
      writtenThen = written;
      await sleep(200);
    }
    expect(written).toBeLessThan(length / 2);
    for (let next = await reader.read(); !next.done; next = await reader.read())
      read += next.value.length;
    expect(read).toBe(length);
  });

  it('reads its body as if nobody had, of any length and kind', async () => {
    const { url } = await onNode(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end(String(Buffer.concat(chunks).length));
    });
    const large = Buffer.alloc(5 << 20, 'x');
    for (const [key, body] of [
      ['empty', ''],
      ['short', 'x'],
      ['large', large],
    ] as const) {
      expect(await (await post(url, { body }, key)).text()).toBe(String(body.length));
      const chunked = { body: new Blob([body]).stream(), duplex: 'half' } as RequestInit;
      expect(await (await post(url, chunked, `${key}-chunked`)).text()).toBe(String(body.length));
    }
  });

  it('is not run for a request whose client is gone before all of it has come', async () => {
    let runs = 0;
    const { url, errors } = await onNode((_, response) => {
      runs++;
      response.end();
    });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(
      'POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\ncontent-length: 9\r\n\r\nhalf',
    );
    await sleep(50);
    socket.destroy();
    await sleep(50);
    expect(await (await post(url)).text()).toBe('');
    expect([runs, errors]).toEqual([1, []]);
  });
});

describe('a handler of node:http2', () => {
  it('reads its body, and is told apart by it, whether it says its length or not', async () => {
    const middleware = expressIdempotency({ store: memoryStore() });
    const server: Http2Server = createHttp2((request, response) => {
      middleware(request as never, response as never, async () => {
        let text = '';
        for await (const chunk of request) text += chunk;
        response.end(`got ${text}`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    stopping.push(() => {
      client.destroy();
      server.close();
    });
    const ask = async (key: string, body: string, more: OutgoingHttpHeaders = {}) => {
      const stream = client.request({ ':method': 'POST', 'idempotency-key': key, ...more });
      stream.end(body);
      const [{ ':status': status, samekey }] = await once(stream, 'response');
      return [status, samekey, status === 200 && (await stream.toArray()).join('')];
    };
    expect(await ask('none', '')).toEqual([200, 'executed', 'got ']);
    for (const more of [{}, { 'content-length': 3 }]) {
      const key = `key-${Object.keys(more).length}`;
      expect(await ask(key, 'one', more)).toEqual([200, 'executed', 'got one']);
      expect(await ask(key, 'one', more)).toEqual([200, 'replayed', 'got one']);
      expect(await ask(key, 'two', more)).toEqual([422, undefined, false]);
    }
  });
});

describe('express', () => {
  const serve = async (set: (app: express.Express, middleware: express.RequestHandler) => void) => {
    const app = express();
    let runs = 0;
    set(app, expressIdempotency({ store: memoryStore() }));
    app.post('/', (request, response) => {
      response.json({ count: ++runs, body: request.body, long: 'x'.repeat(5000) });
    });
    app.use(((error, _request, response, _next) => {
      response.status(500).json(error.code);
    }) as express.ErrorRequestHandler);
    return listening(createServer(app));
  };
  const compressed = {
    body: gzipSync('{"item":1}'),
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  };

  it.each(['the store', 'what is before the parser'])(
    'parses the body though its client hangs up while %s takes its time',
    async (which) => {
      const seen: unknown[] = [];
      let asked = 0;
      const { told, goOn } = untilTold();
      const wait = async () => {
        asked++;
        await told;
      };
      const store = memoryStore();
      const claim: typeof store.claim = async (...given) => {
        if (which === 'the store') await wait();
        return store.claim(...given);
      };
      const app = express();
      app.use(expressIdempotency({ store: { ...bound(store), claim } }));
      app.use((_request, _response, next) => {
        if (which === 'the store') next();
        else wait().then(() => next());
      });
      app.use(express.json());
      app.post('/', (request, response) => {
        seen.push(request.body);
        response.json({ got: request.body });
      });
      const url = await listening(createServer(app));
      await hangUp(url, () => asked === 1, 'reset', '{"item":1}');
      await sleep(50);
      goOn();
      await expect.poll(() => seen).toEqual([{ item: 1 }]);
      const headers = { 'content-type': 'application/json' };
      const again = await post(url, { body: '{"item":1}', headers });
      expect([again.headers.get('samekey'), await again.json()]).toEqual([
        'replayed',
        { got: { item: 1 } },
      ]);
      expect(seen).toHaveLength(1);
    },
  );

  it('sends a file though its client has hung up before it is sent', async () => {
    let runs = 0;
    const { told, goOn } = untilTold();
    const app = express();
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', async (_, response) => {
      runs++;
      await told;
      response.sendFile(fileURLToPath(import.meta.url));
    });
    const url = await listening(createServer(app));
    await hangUp(url, () => runs === 1, 'reset');
    await sleep(50);
    const retry = post(url);
    goOn();
    expect(await (await retry).text()).toContain('sends a file though its client');
    expect(runs).toBe(1);
  });

  it('sends all of a file though its client hangs up in the middle', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'samekey-file-'));
    stopping.push(() => rm(folder, { recursive: true }));
    const file = join(folder, 'file');
    await writeFile(file, Buffer.alloc(12 << 20));
    let runs = 0;
    const app = express();
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', (_, response) => {
      runs++;
      response.sendFile(file);
    });
    const url = await listening(createServer(app));
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\ncontent-length: 0\r\n\r\n');
    await once(socket, 'readable');
    socket.resetAndDestroy();
    const retry = await post(url);
    expect((await retry.arrayBuffer()).byteLength).toBe(12 << 20);
    expect(runs).toBe(1);
  });

  it('fails for all when its handler fails after its head, whose first client is gone', async () => {
    let runs = 0;
    const app = express();
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', async (_, response) => {
      if (++runs > 1) return response.end('whole');
      response.write('half');
      await sleep(200);
      throw new Error('it broke');
    });
    // Express would log it.
    app.set('env', 'test');
    const url = await listening(createServer(app));
    await hangUp(url, () => runs === 1, 'reset');
    const joined = await post(url);
    await expect(joined.text()).rejects.toThrow();
    expect(await (await post(url)).text()).toBe('whole');
  });

  it.each(['around', 'inside'])('compresses %s', async (where) => {
    const url = await serve((app, middleware) => {
      if (where === 'around') app.use(compression(), middleware);
      else app.use(middleware, compression());
    });
    const responses = [await post(url), await post(url)];
    for (const response of responses) {
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(await response.json()).toMatchObject({ count: 1, long: 'x'.repeat(5000) });
    }
    expect(responses[1]?.headers.get('samekey')).toBe('replayed');
    // A coding that it did not ask for is none of the outer one's doing.
    if (where === 'inside') return;
    const plain = await post(url, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await plain.json()).toMatchObject({ count: 1 });
  });

  it.each(['before', 'behind'])('with a compressed body, %s the parser', async (where) => {
    const url = await serve((app, middleware) => {
      if (where === 'before') app.use(middleware, express.json());
      else app.use(express.json(), middleware);
    });
    expect(await (await post(url, compressed)).json()).toMatchObject({
      count: 1,
      body: { item: 1 },
    });
    const again = await post(url, compressed);
    expect([again.status, again.headers.get('samekey')]).toEqual([200, 'replayed']);
    const other = { ...compressed, body: gzipSync('{"item":2}') };
    expect((await post(url, other)).status).toBe(422);
  });

  it('says where it belongs, if a body was read that cannot be compared', async () => {
    const url = await serve((app, middleware) => {
      app.use(express.urlencoded({ extended: false }), (request, _, next) => {
        Object.assign(request, { files: [{}] });
        next();
      });
      app.use(middleware);
    });
    const form = new URLSearchParams({ a: 'b' });
    const refused = await post(url, { body: form });
    expect([refused.status, await refused.json()]).toEqual([500, 'SAMEKEY_BAD_ARGUMENT']);
  });

  it('compares forms by their parts, whatever their boundary', async () => {
    const url = await serve((app, middleware) => app.use(middleware));
    const form = (text: string) => {
      const made = new FormData();
      made.set('item', text);
      made.set('file', new Blob(['content']), 'a.txt');
      return made;
    };
    expect((await post(url, { body: form('1') })).headers.get('samekey')).toBe('executed');
    expect((await post(url, { body: form('1') })).headers.get('samekey')).toBe('replayed');
    expect((await post(url, { body: form('2') })).status).toBe(422);
  });

  it('counts once where it is used twice, for all and for a route', async () => {
    const app = express();
    const middleware = expressIdempotency({ store: memoryStore(), waitMs: 100 });
    app.use(middleware);
    app.post('/', middleware, (_, response) => {
      response.send('done');
    });
    const url = await listening(createServer(app));
    expect(await (await post(url)).text()).toBe('done');
    expect((await post(url)).headers.get('samekey')).toBe('replayed');
  });

  it('sends files, and is one thing on two paths that it is mounted on', async () => {
    const app = express();
    const middleware = expressIdempotency({ store: memoryStore() });
    const file = fileURLToPath(import.meta.url);
    let runs = 0;
    for (const path of ['/a', '/b']) {
      const router = express.Router();
      router.use(middleware);
      router.post('/', (_, response) => {
        runs++;
        response.sendFile(file);
      });
      app.use(path, router);
    }
    const url = await listening(createServer(app));
    const texts = [];
    for (const path of ['a', 'a', 'b']) texts.push(await (await post(url + path)).text());
    expect(texts[0]).toContain('sends files, and is one thing');
    expect(new Set(texts).size).toBe(1);
    expect(runs).toBe(2);
  });
});

describe('whose request it is', () => {
  const asked = [
    ['user1', 'token1', 1],
    ['user1', 'token2', 1],
    ['user2', 'token1', 2],
  ] as const;
  const askAll = async (url: string) => {
    for (const [user, token, count] of asked) {
      const headers = { 'x-user': user, authorization: `Bearer ${token}` };
      expect(await (await post(url, { headers })).json()).toEqual({ count });
    }
  };
  let runs = 0;

  it('is for an application on express to say', async () => {
    runs = 0;
    const app = express();
    app.use((request, response, next) => {
      response.locals.user = request.get('x-user');
      next();
    });
    app.use(
      expressIdempotency({
        store: memoryStore(),
        account: (request: express.Request) => request.res?.locals.user,
      }),
    );
    app.post('/', (_, response) => {
      response.json({ count: ++runs });
    });
    await askAll(await listening(createServer(app)));
  });

  it('is for an application on fastify to say', async () => {
    runs = 0;
    const app = Fastify();
    stopping.push(() => app.close());
    const idempotency = fastifyIdempotency({
      store: memoryStore(),
      account: (request: FastifyRequest) => String(request.headers['x-user']),
    });
    await app.register(idempotency);
    app.post('/', async () => ({ count: ++runs }));
    await app.listen({ port: 0, host: '127.0.0.1' });
    await askAll(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`);
    expect(idempotency.stats()).toMatchObject({ executed: 2, replayed: 1 });
  });
});

describe('what was set before for a response', () => {
  const ids = async (url: string) => {
    const responses = [await post(url), await post(url)];
    return responses.map(({ headers }) => [
      headers.get('x-request-id'),
      headers.get('x-mode'),
      headers.get('x-gone'),
    ]);
  };
  // Removed by the handler, it was not there to be kept.
  const expected = [
    ['1', 'own', null],
    ['2', 'own', 'yes'],
  ];

  it('on express is for the request it was set for, unless the handler changed it', async () => {
    const app = express();
    let count = 0;
    app.use((_, response, next) => {
      response.set({ 'x-request-id': String(++count), 'x-mode': 'usual', 'x-gone': 'yes' });
      next();
    });
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', (_, response) => {
      response.set('x-mode', 'own').removeHeader('x-gone');
      response.send('done');
    });
    expect(await ids(await listening(createServer(app)))).toEqual(expected);
  });

  it('on fastify is for the request it was set for, unless the handler changed it', async () => {
    const app = Fastify();
    stopping.push(() => app.close());
    let count = 0;
    app.addHook('onRequest', async (_, reply) => {
      reply.headers({ 'x-request-id': String(++count), 'x-mode': 'usual', 'x-gone': 'yes' });
    });
    await app.register(fastifyIdempotency({ store: memoryStore() }));
    app.post('/', async (_, reply) => {
      reply.header('x-mode', 'own').removeHeader('x-gone');
      return 'done';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    expect(await ids(`http://127.0.0.1:${port}/`)).toEqual(expected);
  });
});

describe('fastify', () => {
  it('runs hooks before it for every request, and those of the response once', async () => {
    const ran = { onRequest: 0, onSend: 0, onResponse: 0, handler: 0 };
    const app = Fastify();
    stopping.push(() => app.close());
    app.addHook('onRequest', async (request, reply) => {
      ran.onRequest++;
      reply.header('x-origin', request.headers.origin ?? 'none');
    });
    app.addHook('onResponse', async () => {
      ran.onResponse++;
    });
    await app.register(fastifyIdempotency({ store: memoryStore() }));
    app.addHook('onSend', async (_request, _reply, payload) => {
      ran.onSend++;
      return `<${payload}>`;
    });
    app.post('/', async () => {
      ran.handler++;
      return 'done';
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
    const bodies = [];
    for (const _ of [1, 2, 3]) bodies.push(await (await post(url)).text());
    expect(bodies).toEqual(['<done>', '<done>', '<done>']);
    await expect.poll(() => ran).toEqual({ onRequest: 3, onSend: 1, onResponse: 3, handler: 1 });
  });

  it('says so where a parser leaves nothing of a body, instead of taking all for one', async () => {
    const app = Fastify();
    stopping.push(() => app.close());
    app.addContentTypeParser('application/octet-stream', async (_: unknown, body: Readable) => {
      for await (const _ of body);
    });
    const idempotency = fastifyIdempotency({ store: memoryStore(), deriveKey: true });
    await app.register(idempotency);
    app.post('/', async () => 'done');
    await app.listen({ port: 0, host: '127.0.0.1' });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
    const headers = { 'content-type': 'application/octet-stream', authorization: 'Bearer a' };
    const refused = await fetch(url, { method: 'POST', headers, body: 'one' });
    expect([refused.status, await refused.json()]).toMatchObject([
      500,
      { code: 'SAMEKEY_BAD_ARGUMENT' },
    ]);
    // Of what has none, nothing can be missing.
    const { authorization } = headers;
    const empty = await fetch(url, { method: 'POST', headers: { authorization } });
    expect(await empty.text()).toBe('done');
  });

  it('takes a reply that was sent by hand, or is a stream that fails', async () => {
    const app = Fastify();
    stopping.push(() => app.close());
    await app.register(fastifyIdempotency({ store: memoryStore() }));
    let runs = 0;
    app.post('/hand', (_, reply) => {
      runs++;
      reply.hijack();
      reply.raw.writeHead(202, { 'x-by': 'hand' }).end('by hand');
    });
    app.post('/late', async (_, reply) => {
      runs++;
      reply.send('late');
    });
    app.post('/fails', (_, reply) => {
      runs++;
      const words = async function* () {
        yield 'half';
        await sleep(20);
        throw new Error('it broke');
      };
      return reply.send(Readable.from(words()));
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    for (const _ of [1, 2]) {
      const byHand = await post(`${url}/hand`);
      expect([byHand.status, byHand.headers.get('x-by'), await byHand.text()]).toEqual([
        202,
        'hand',
        'by hand',
      ]);
      expect(await (await post(`${url}/late`)).text()).toBe('late');
      await expect((await post(`${url}/fails`)).text()).rejects.toThrow();
    }
    // Only what failed ran again.
    expect(runs).toBe(4);
  });
});
