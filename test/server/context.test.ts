import { createServer, type Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { type ExecutionContext, Post, Req } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
// @ts-expect-error It declares no types.
import Koa2 from 'koa-2';
import { finalize } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { expressIdempotency, type IdempotencyState } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { type HonoIdempotencyVariables, honoIdempotency } from '../../src/server/hono.js';
import { type KoaIdempotencyState, koaIdempotency } from '../../src/server/koa.js';
import { IdempotencyModule, Idempotent } from '../../src/server/nestjs.js';
import { memoryStore } from '../../src/store/memory.js';
import { type AdapterName, controller, nestApplication } from './nest.js';
import { afterTest, latch, listen, listenFastify, post } from './node-server.js';

type State = IdempotencyState | undefined;

/** What a middleware outside of samekey's does. */
interface Outer {
  /** Called with every request, and with a function that reads its state. */
  begin(read: () => State): void;
  /** Called with the state when the request is answered. */
  end(state: State): void;
}
type Handle = (state: State) => Promise<{ readonly order: number }>;
type Serve = (outer: Outer, handle: Handle) => Promise<string>;

const options = { store: memoryStore, account: () => 'anna' };
const own = () => ({ ...options, store: memoryStore() });

const onHono: Serve = async (outer, handle) => {
  const app = new Hono<{ Variables: HonoIdempotencyVariables }>();
  app.use(async (c, next) => {
    outer.begin(() => c.get('idempotency'));
    await next();
    outer.end(c.get('idempotency'));
  });
  app.use(honoIdempotency(own()));
  app.post('/', async (c) => c.json(await handle(c.get('idempotency'))));
  return listen(createAdaptorServer({ fetch: app.fetch }) as Server);
};

const onExpress: Serve = async (outer, handle) => {
  const app = express();
  app.use((request, response, next) => {
    outer.begin(() => request.idempotency);
    response.once('finish', () => outer.end(request.idempotency));
    next();
  });
  app.use(expressIdempotency(own()));
  app.post('/', async (request, response) => {
    response.json(await handle(request.idempotency));
  });
  return listen(createServer(app));
};

const onFastify: Serve = async (outer, handle) => {
  const app = Fastify();
  app.addHook('onRequest', async (request) => outer.begin(() => request.idempotency));
  app.addHook('onResponse', async (request) => outer.end(request.idempotency));
  await app.register(fastifyIdempotency(own()));
  // A second plugin adds the member of requests once.
  await app.register(fastifyIdempotency({ ...own(), methods: ['PUT'] }));
  app.post('/', async (request) => handle(request.idempotency));
  return listenFastify(app);
};

const onKoa =
  (make: typeof Koa): Serve =>
  async (outer, handle) => {
    const app = new make<KoaIdempotencyState>();
    app.use(async (ctx, next) => {
      outer.begin(() => ctx.state.idempotency);
      await next();
      outer.end(ctx.state.idempotency);
    });
    app.use(koaIdempotency(own()));
    app.use(async (ctx) => {
      ctx.body = await handle(ctx.state.idempotency);
    });
    return listen(createServer(app.callback()));
  };

const onNest =
  (adapter: AdapterName): Serve =>
  async (outer, handle) => {
    interface Incoming {
      readonly idempotency?: IdempotencyState;
    }
    class Orders {
      create(request: Incoming) {
        return handle(request.idempotency);
      }
    }
    const requestIn = (context: ExecutionContext) => context.switchToHttp().getRequest<Incoming>();
    const intercept = {
      intercept(context: ExecutionContext, next: { handle(): import('rxjs').Observable<unknown> }) {
        outer.begin(() => requestIn(context).idempotency);
        return next.handle().pipe(finalize(() => outer.end(requestIn(context).idempotency)));
      },
    };
    const app = await nestApplication(adapter, {
      imports: [IdempotencyModule.forRoot(own())],
      providers: [{ provide: APP_INTERCEPTOR, useValue: intercept }],
      controllers: [controller(Orders, { create: [[Post()], Req()] }, Idempotent())],
    });
    afterTest(() => app.close());
    return listen(app.getHttpServer());
  };

const SERVERS: Readonly<Record<string, Serve>> = {
  Hono: onHono,
  Express: onExpress,
  Fastify: onFastify,
  'Koa 3': onKoa(Koa),
  'Koa 2': onKoa(Koa2),
  'Nest on Express': onNest('Express'),
  'Nest on Fastify': onNest('Fastify'),
};

describe.each(Object.entries(SERVERS))('on %s,', (_, serve) => {
  it('the handler and middleware around samekey read the key and the outcome', async () => {
    const reads: (() => State)[] = [];
    const ended: State[] = [];
    const inHandler: object[] = [];
    let { opened, open } = latch();
    const url = await serve(
      { begin: (read) => reads.push(read), end: (state) => ended.push(state) },
      async (state) => {
        inHandler.push({ ...state });
        await opened;
        return { order: inHandler.length };
      },
    );

    const pending = [post(url), post(url)];
    await expect.poll(() => reads.filter((read) => read() !== undefined).length).toBe(2);
    // One waits for the other.
    const outcomes = () => reads.map((read) => read()?.outcome);
    expect(new Set(outcomes())).toEqual(new Set(['executed', undefined]));
    open();
    const [response] = await Promise.all(pending);
    await expect.poll(() => ended.length).toBe(2);
    expect(ended.map((state) => state?.outcome).sort()).toEqual(['executed', 'joined']);

    const key = response?.headers.get('samekey-key');
    const known = { key, sentKey: 'a', account: 'anna' };
    expect(inHandler).toEqual([{ ...known, outcome: 'executed' }]);
    await (await post(url)).text();
    await expect.poll(() => ended.length).toBe(3);
    expect(ended[2]).toEqual({ ...known, outcome: 'replayed' });

    const headers = { 'content-type': 'application/json' };
    expect((await post(url, { headers, body: '{"item":2}' })).status).toBe(422);
    await expect.poll(() => ended.length).toBe(4);
    expect(ended[3]).toEqual({ ...known, outcome: undefined });

    ({ opened, open } = latch());
    open();
    await fetch(url, { method: 'POST' });
    await expect.poll(() => ended.length).toBe(5);
    expect(ended[4]).toBeUndefined();
    expect(inHandler[1]).toEqual({});
  });
});
