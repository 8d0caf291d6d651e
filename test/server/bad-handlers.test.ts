import { createServer, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import { Post, Res, StreamableFile } from '@nestjs/common';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
// @ts-expect-error It declares no types.
import Koa2 from 'koa-2';
import { describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { honoIdempotency } from '../../src/server/hono.js';
import { koaIdempotency } from '../../src/server/koa.js';
import { IdempotencyModule, Idempotent } from '../../src/server/nestjs.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import { type AdapterName, controller, nestApplication } from './nest.js';
import { afterTest, listen, listenFastify, post } from './node-server.js';

/** A stream that fails behind its head. */
async function* halves() {
  yield 'half';
  await sleep(20);
  throw new Error('it broke');
}
const failingStream = () => Readable.from(halves(), { objectMode: false });
const failingWebStream = () => Readable.toWeb(failingStream()) as ReadableStream;

type Throwing = 'an error' | 'text' | 'undefined';
const THROWN: Readonly<Record<Throwing, unknown>> = {
  'an error': new Error('no stock'),
  text: 'no stock',
  undefined: undefined,
};

/** What a handler does. */
type Way = `throws ${Throwing}` | 'returns nothing' | 'fails in its stream' | 'answers twice';

/** Starts a server whose handler behaves so, with or without samekey. */
type Serve = (
  way: Way,
  onRun: () => void,
  options: { idleMs: number } | undefined,
) => Promise<string>;

const thrown = (way: Way) => THROWN[way.slice('throws '.length) as Throwing];
const withStore = (options: object) => ({ store: memoryStore(), ...options });

const onWeb: Serve = async (way, onRun, options) => {
  const handle = async () => {
    onRun();
    if (way.startsWith('throws')) throw thrown(way);
    if (way === 'returns nothing') return undefined as never;
    return new Response(failingWebStream());
  };
  const fetch = options === undefined ? handle : idempotent(handle, withStore(options));
  return listen(createAdaptorServer({ fetch: fetch as never }) as Server);
};

const onHono: Serve = async (way, onRun, options) => {
  const app = new Hono();
  app.onError((error, c) => c.text(error.message, 500));
  // Hono treats a handler without middleware otherwise.
  app.use(options === undefined ? (_, next) => next() : honoIdempotency(withStore(options)));
  app.post('/', async (c, next) => {
    onRun();
    if (way.startsWith('throws')) throw thrown(way);
    if (way === 'returns nothing') return undefined as never;
    if (way === 'fails in its stream') return c.body(failingWebStream());
    c.res = new Response('the first');
    await next();
    return c.text('the second', 201);
  });
  return listen(createAdaptorServer({ fetch: app.fetch }) as Server);
};

const onExpress: Serve = async (way, onRun, options) => {
  const app = express();
  app.set('env', 'test');
  if (options !== undefined) app.use(expressIdempotency(withStore(options)));
  app.post('/', async (_, response) => {
    onRun();
    if (way.startsWith('throws')) throw thrown(way);
    if (way === 'fails in its stream') {
      failingStream()
        .on('error', (error) => response.destroy(error))
        .pipe(response);
    } else if (way === 'answers twice') {
      response.status(201).send('the first');
      response.send('the second');
    }
  });
  return listen(createServer(app));
};

const onFastify: Serve = async (way, onRun, options) => {
  const app = Fastify();
  if (options !== undefined) await app.register(fastifyIdempotency(withStore(options)));
  app.post('/', async (_, reply) => {
    onRun();
    if (way.startsWith('throws')) throw thrown(way);
    if (way === 'returns nothing') return undefined;
    if (way === 'fails in its stream') return reply.send(failingStream());
    reply.code(201).send('the first');
    reply.send('the second');
    return reply;
  });
  return listenFastify(app);
};

const onKoa =
  (make: typeof Koa): Serve =>
  async (way, onRun, options) => {
    const app = new make();
    app.silent = true;
    if (options !== undefined) app.use(koaIdempotency(withStore(options)));
    app.use(async (ctx) => {
      onRun();
      if (way.startsWith('throws')) throw thrown(way);
      if (way === 'fails in its stream') ctx.body = failingStream();
      if (way !== 'answers twice') return;
      ctx.status = 201;
      ctx.res.end('the first');
      ctx.body = 'the second';
    });
    return listen(createServer(app.callback()));
  };

const onNest =
  (adapter: AdapterName): Serve =>
  async (way, onRun, options) => {
    class Orders {
      // biome-ignore lint/suspicious/noExplicitAny: replies of both adapters.
      async handle(reply: any) {
        onRun();
        if (way.startsWith('throws')) throw thrown(way);
        if (way === 'fails in its stream') return new StreamableFile(failingStream());
        if (way === 'returns nothing') return undefined;
        reply.status(201).send('the first');
        return 'the second';
      }
    }
    const root = controller(
      Orders,
      { handle: [[Post()], Res({ passthrough: true })] },
      Idempotent(),
    );
    const imports = options === undefined ? [] : [IdempotencyModule.forRoot(withStore(options))];
    const app = await nestApplication(adapter, { imports, controllers: [root] });
    afterTest(() => app.close());
    return listen(app.getHttpServer());
  };

const SERVERS: Readonly<Record<string, Serve>> = {
  'a web-standard handler': onWeb,
  Hono: onHono,
  'Express 5': onExpress,
  Fastify: onFastify,
  'Koa 3': onKoa(Koa),
  'Koa 2': onKoa(Koa2),
  'Nest on Express': onNest('Express'),
  'Nest on Fastify': onNest('Fastify'),
};

/** These leave a request without an answer, whose handler returns nothing. */
const WAITS: ReadonlySet<string> = new Set(['Express 5']);

describe.each(Object.entries(SERVERS))('on %s, a handler that', (name, serve) => {
  const received = async (url: string) => {
    const response = await post(url);
    return [response.status, await response.text(), response.headers.get('samekey')] as const;
  };
  let runs = 0;
  const start = (way: Way, options: { idleMs: number } | undefined) => {
    runs = 0;
    return serve(way, () => runs++, options);
  };

  // Koa itself never answers a handler that throws `undefined`.
  const thrown = Object.keys(THROWN).filter((what) => !(/^Koa/.test(name) && what === 'undefined'));
  it.each(thrown.map((what) => `throws ${what}` as Way))(
    '%s gets the answer of the framework, and runs again',
    async (way) => {
      const [status, body] = await received(await start(way, undefined));
      expect(status).toBeGreaterThanOrEqual(400);
      const url = await start(way, { idleMs: 60_000 });
      for (const run of [1, 2]) {
        expect((await received(url)).slice(0, 2)).toEqual([status, body]);
        expect(runs).toBe(run);
      }
    },
  );

  it('returns nothing gets what the framework makes of that, or 504', async () => {
    if (WAITS.has(name)) {
      const url = await start('returns nothing', { idleMs: 50 });
      for (const run of [1, 2]) {
        const [status, body] = await received(url);
        expect([status, JSON.parse(body)]).toMatchObject([504, { code: 'SAMEKEY_TIMEOUT' }]);
        expect(runs).toBe(run);
      }
      return;
    }
    const [status] = await received(await start('returns nothing', undefined));
    const url = await start('returns nothing', { idleMs: 60_000 });
    for (const _ of [1, 2]) expect((await received(url))[0]).toBe(status);
    expect(runs).toBe(status < 400 ? 1 : 2);
  });

  it('fails in its stream fails every client, and runs again', async () => {
    const url = await start('fails in its stream', { idleMs: 60_000 });
    for (const run of [1, 2]) {
      await expect(received(url)).rejects.toThrow();
      expect(runs).toBe(run);
    }
  });

  // A web-standard handler returns one response.
  it.skipIf(name === 'a web-standard handler')(
    'answers twice sends its first answer to every client',
    async () => {
      const [status, body] = await received(await start('answers twice', undefined));
      const url = await start('answers twice', { idleMs: 60_000 });
      expect(await received(url)).toEqual([status, body, 'executed']);
      expect(await received(url)).toEqual([status, body, 'replayed']);
      expect(runs).toBe(1);
    },
  );
});
