import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import express from 'express';
// @ts-expect-error It declares the types of version 5.
import express4 from 'express-4';
import Fastify, { type FastifyReply } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { memoryStore } from '../../src/store/memory.js';
import { expectEqual, receive } from './differential.js';
import { listenUntilEnd } from './node-server.js';

const METHODS = ['POST', 'PUT', 'GET', 'HEAD'];
const FILE = fileURLToPath(new URL('ending.mjs', import.meta.url));
const parts = (...texts: string[]) => Readable.from(texts, { objectMode: false });

type ExpressHandler = (response: express.Response) => unknown;

const EXPRESS: Record<string, ExpressHandler> = {
  'send of text': (to) => to.send('order 1'),
  'send of nothing': (to) => to.send(),
  'send of an empty text': (to) => to.send(''),
  'send of an object': (to) => to.send({ order: 1 }),
  'send of a buffer': (to) => to.send(Buffer.from([0, 255])),
  'send of a buffer with a type': (to) => to.type('png').send(Buffer.from([137, 80])),
  json: (to) => to.json({ order: 1 }),
  'json of null': (to) => to.json(null),
  'json with a status and headers': (to) =>
    to.status(201).set({ Location: '/orders/1', 'X-Order': '1' }).json({ order: 1 }),
  'json of a type of its own': (to) => to.type('application/problem+json').json({ title: 'no' }),
  jsonp: (to) => to.jsonp({ order: 1 }),
  'a status text': (to) => {
    to.statusMessage = 'Made';
    to.status(201).send('order 1');
  },
  'writeHead with a status text and a list of headers': (to) => {
    to.writeHead(202, 'Taken', ['X-Order', '1', 'Content-Type', 'text/csv']);
    to.end('a,b');
  },
  'writeHead with an object': (to) => {
    to.writeHead(202, { 'X-Order': '1', 'content-length': 3 });
    to.end('abc');
  },
  sendStatus: (to) => to.sendStatus(202),
  'status 204 and end': (to) => to.status(204).end(),
  'status 204 and send': (to) => to.status(204).send('not sent'),
  'status 205': (to) => to.status(205).send('not sent'),
  'status 304': (to) => to.status(304).set('etag', '"1"').end(),
  'end alone': (to) => to.end(),
  'end with text': (to) => to.end('order 1'),
  'end with a status': (to) => to.status(202).end(),
  'write and end': (to) => {
    to.write('one');
    to.end('two');
  },
  'write with a length': (to) => {
    to.set('content-length', '6');
    to.write('one');
    to.end('two');
  },
  'latin1 text': (to) => to.type('text/plain; charset=latin1').end('caf\u00e9', 'latin1'),
  redirect: (to) => to.redirect('/orders/1'),
  'redirect with 303': (to) => to.redirect(303, 'https://shop.example/orders/1'),
  location: (to) => to.location('/orders/1').status(201).end(),
  'several cookies': (to) => {
    to.cookie('a', '1', { path: '/', httpOnly: true });
    to.cookie('b', '2', { expires: new Date(1.8e12) });
    to.json({ order: 1 });
  },
  clearCookie: (to) => to.clearCookie('a').send('order 1'),
  'headers that repeat': (to) => {
    to.append('Link', '</a>; rel=next').append('Link', '</b>; rel=prev');
    to.vary('accept').vary('origin').send('order 1');
  },
  links: (to) => to.links({ next: 'https://shop.example/2' }).send('order 1'),
  attachment: (to) => to.attachment('order 1.csv').send('a,b'),
  'an etag and caching': (to) =>
    to.set({ ETag: 'W/"1"', 'Cache-Control': 'max-age=60' }).send('order 1'),
  'a coded body': (to) =>
    to.set({ 'Content-Encoding': 'gzip', 'Content-Type': 'text/plain' }).send(gzipSync('order 1')),
  'a stream': (to) => parts('one', 'two').pipe(to),
  'a stream of events': (to) =>
    parts('data: one\n\n', 'data: two\n\n').pipe(to.type('text/event-stream')),
  'a long text': (to) => to.send('0123456789'.repeat(50_000)),
  sendFile: (to) => to.sendFile(FILE),
  download: (to) => to.download(FILE, 'order.mjs'),
  'not found': (to) => to.status(404).send('no'),
  'a failure': (to) => to.status(500).json({ error: 'no' }),
};

describe.each([
  ['Express 5', express],
  ['Express 4', express4 as typeof express],
])('in %s, behind samekey a client receives what it receives without:', (_, make) => {
  const serve = (middleware?: ReturnType<typeof expressIdempotency>) => {
    const app = make();
    if (middleware !== undefined) app.use(middleware);
    app.all('/:name', (request, response) => {
      (EXPRESS[request.params.name as string] as ExpressHandler)(response);
    });
    return listenUntilEnd(createServer(app));
  };
  let bare: string;
  let guarded: string;
  beforeAll(async () => {
    bare = await serve();
    guarded = await serve(expressIdempotency({ store: memoryStore(), methods: METHODS }));
  });

  for (const method of METHODS) {
    it.each(Object.keys(EXPRESS))(`%s (${method})`, async (name) => {
      const path = encodeURIComponent(name);
      await expectEqual(bare + path, guarded + path, { method });
    });
  }
});

it('Express spells the names of headers behind samekey as the handler does', async () => {
  const serve = (...middleware: ReturnType<typeof expressIdempotency>[]) => {
    const app = express();
    for (const each of middleware) app.use(each);
    app.post('/', (_, response) => void response.set('X-Order', '1').json({ order: 1 }));
    return listenUntilEnd(createServer(app));
  };
  const { names } = await receive(await serve(), 'a');
  const guarded = await serve(expressIdempotency({ store: memoryStore() }));
  const found = (await receive(guarded, 'a')).names.filter((name) => !/^samekey/.test(name));
  expect(found.sort()).toEqual([...names].sort());
});

type FastifyHandler = (reply: FastifyReply) => unknown;

const FASTIFY: Record<string, FastifyHandler> = {
  'send of text': (to) => to.send('order 1'),
  'send of nothing': (to) => to.send(),
  'send of an empty text': (to) => to.send(''),
  'send of an object': (to) => to.send({ order: 1 }),
  'send of null': (to) => to.send(null),
  'send of a buffer': (to) => to.send(Buffer.from([0, 255])),
  'send of a buffer with a type': (to) => to.type('image/png').send(Buffer.from([137, 80])),
  'send of a stream': (to) => to.send(parts('one', 'two')),
  'send of a stream of events': (to) =>
    to.type('text/event-stream').send(parts('data: one\n\n', 'data: two\n\n')),
  'send of a web stream': (to) => to.send(new Blob(['order 1']).stream()),
  'send of a Response': (to) =>
    to.send(new Response('order 1', { status: 201, headers: { 'X-Order': '1' } })),
  'a returned object': () => ({ order: 1 }),
  'a returned text': () => 'order 1',
  'a status and headers': (to) =>
    to.code(201).headers({ Location: '/orders/1', 'X-Order': '1' }).send({ order: 1 }),
  'a type of its own': (to) => to.type('application/problem+json').send({ title: 'no' }),
  'code 204': (to) => to.code(204).send(),
  'code 304': (to) => to.code(304).header('etag', '"1"').send(),
  redirect: (to) => to.redirect('/orders/1'),
  'redirect with 303': (to) => to.redirect('https://shop.example/orders/1', 303),
  'several cookies': (to) =>
    to.header('set-cookie', 'a=1; Path=/').header('set-cookie', 'b=2; HttpOnly').send({ order: 1 }),
  'headers that repeat': (to) =>
    to.header('Link', ['</a>; rel=next', '</b>; rel=prev']).send('order 1'),
  'an etag and caching': (to) =>
    to.headers({ ETag: 'W/"1"', 'Cache-Control': 'max-age=60' }).send('order 1'),
  'a status text': (to) => {
    to.raw.statusMessage = 'Made';
    to.code(201).send('order 1');
  },
  'raw and hijack': (to) => {
    to.hijack();
    to.raw.writeHead(202, 'Taken', { 'X-Order': '1' });
    to.raw.end('order 1');
  },
  callNotFound: (to) => to.callNotFound(),
  'a thrown error': () => {
    throw Object.assign(new Error('no'), { statusCode: 409 });
  },
  'a long text': (to) => to.send('0123456789'.repeat(50_000)),
};

describe('in Fastify, behind samekey a client receives what it receives without:', () => {
  const serve = async (plugin?: ReturnType<typeof fastifyIdempotency>) => {
    const app = Fastify({ forceCloseConnections: true, exposeHeadRoutes: false });
    if (plugin !== undefined) await app.register(plugin);
    app.route({
      method: METHODS,
      url: '/:name',
      handler: async (request, reply) => {
        const { name } = request.params as { name: string };
        const made = (FASTIFY[name] as FastifyHandler)(reply);
        return made === undefined ? reply : made;
      },
    });
    await app.ready();
    return listenUntilEnd(app.server);
  };
  let bare: string;
  let guarded: string;
  beforeAll(async () => {
    bare = await serve();
    guarded = await serve(fastifyIdempotency({ store: memoryStore(), methods: METHODS }));
  });

  for (const method of METHODS) {
    it.each(Object.keys(FASTIFY))(`%s (${method})`, async (name) => {
      const path = encodeURIComponent(name);
      await expectEqual(bare + path, guarded + path, { method });
    });
  }
});
