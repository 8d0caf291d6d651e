import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';
import { All, type ArgumentsHost, Body, Req, Res, StreamableFile } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import express from 'express';
// @ts-expect-error It declares the types of version 5.
import express4 from 'express-4';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
// @ts-expect-error It declares no types.
import Koa2 from 'koa-2';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { honoIdempotency } from '../../src/server/hono.js';
import { koaIdempotency } from '../../src/server/koa.js';
import { IdempotencyException, IdempotencyModule, Idempotent } from '../../src/server/nestjs.js';
import {
  type ErrorAnswer,
  idempotent,
  type ServerOptions,
  type ServerProblem,
} from '../../src/server/web.js';
import { type AdapterName, controller, nestApplication } from './nest.js';

/** A request as a test's handler receives it. */
export interface Received {
  /** The number of requests that have reached the handler, this one included. */
  readonly count: number;
  readonly path: string;
  /** As the framework reads it: parsed if it is JSON, otherwise text. */
  readonly body: unknown;
}
/** The response of a test's handler. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<string>;
}
export type Behave = (request: Received) => Reply | Promise<Reply>;

export interface Started {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** Options that mean the same to every framework. */
export type AnyOptions = Omit<
  ServerOptions<never>,
  'account' | 'required' | 'applies' | 'onError'
> & {
  readonly required?: boolean;
  readonly onError?: (problem: ServerProblem, request: object) => ErrorAnswer;
};
type Start = (options: AnyOptions, behave: Behave) => Promise<Started>;

const counted = (behave: Behave) => {
  let count = 0;
  return (path: string, body: unknown) => behave({ count: ++count, path, body });
};

const bodyOf = ({ body = '' }: Reply) =>
  typeof body === 'string' ? body : Readable.from(body, { objectMode: false });

/** The backlog has room for the test with 2000 concurrent clients. */
const ADDRESS = { port: 0, host: '127.0.0.1', backlog: 4096 };

async function listening(server: Server, close: () => unknown): Promise<Started> {
  if (!server.listening) {
    await new Promise<void>((resolve) => server.listen(ADDRESS, resolve));
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await close();
    },
  };
}

function onWeb(options: AnyOptions, behave: Behave): Promise<Started> {
  const call = counted(behave);
  const handler = idempotent(async (request: Request) => {
    const text = await request.text();
    const isJson = request.headers.get('content-type') === 'application/json';
    const body = isJson ? JSON.parse(text) : text;
    const reply = await call(new URL(request.url).pathname, body);
    return toWeb(reply);
  }, options);
  return listeningHono((request) => handler(request), handler.close);
}

function onHono(options: AnyOptions, behave: Behave): Promise<Started> {
  const call = counted(behave);
  const app = new Hono();
  const middleware = honoIdempotency(options);
  app.use(middleware);
  app.all('*', async (c) => {
    const isJson = c.req.header('content-type') === 'application/json';
    const reply = await call(c.req.path, isJson ? await c.req.json() : await c.req.text());
    return toWeb(reply);
  });
  app.onError((error, c) => c.text(error.message, 500));
  return listeningHono((request, env) => app.fetch(request, env), middleware.close);
}

function toWeb(reply: Reply): Response {
  const { status = 200, headers = {} } = reply;
  const body = bodyOf(reply);
  const content = typeof body === 'string' ? body : (Readable.toWeb(body) as ReadableStream);
  return new Response(status === 204 ? null : content, { status, headers });
}

function listeningHono(
  fetch: (request: Request, env: object) => Response | Promise<Response>,
  close: () => unknown,
): Promise<Started> {
  return listening(createAdaptorServer({ fetch }) as Server, close);
}

const onExpress =
  (make: typeof express, parses: 'before' | 'after'): Start =>
  (options, behave) => {
    const call = counted(behave);
    const app = make();
    const middleware = expressIdempotency(options);
    if (parses === 'after') app.use(middleware);
    app.use(make.json(), make.text());
    if (parses === 'before') app.use(middleware);
    app.use(async (request, response, next) => {
      try {
        const reply = await call(request.path, request.body);
        const { status = 200, headers = {} } = reply;
        response.status(status).set(headers);
        const body = bodyOf(reply);
        if (typeof body === 'string') response.send(body);
        else body.pipe(response);
      } catch (error) {
        next(error);
      }
    });
    // Express recognises an error handler by its four parameters.
    app.use(((error, _request, response, _next) => {
      response.status(error.status ?? 500).send(error.message);
    }) as express.ErrorRequestHandler);
    return listening(createServer(app), middleware.close);
  };

async function onFastify(options: AnyOptions, behave: Behave): Promise<Started> {
  const call = counted(behave);
  const app = Fastify({ forceCloseConnections: true });
  await app.register(fastifyIdempotency(options));
  app.all('*', async (request, sender) => {
    const reply = await call(request.url.replace(/\?.*/, ''), request.body);
    const { status = 200, headers = {} } = reply;
    return sender.code(status).headers(headers).send(bodyOf(reply));
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, sender) =>
    sender.code(error.statusCode ?? 500).send(error.message),
  );
  await app.listen(ADDRESS);
  return listening(app.server, () => app.close());
}

/** Koa has no parser of its own. This one leaves the body where those that people use do. */
const parseKoa: Koa.Middleware = async (ctx, next) => {
  const text = Buffer.concat(await ctx.req.toArray()).toString();
  const body = ctx.is('json') ? JSON.parse(text) : text;
  Object.assign(ctx.request, { body });
  await next();
};

const onKoa =
  (make: typeof Koa, parses: 'before' | 'after'): Start =>
  (options, behave) => {
    const call = counted(behave);
    const app = new make();
    app.silent = true;
    const middleware = koaIdempotency(options);
    app.use(async (ctx, next) => {
      try {
        await next();
      } catch (error) {
        ctx.status = 500;
        ctx.body = (error as Error).message;
      }
    });
    if (parses === 'after') app.use(middleware);
    app.use(parseKoa);
    if (parses === 'before') app.use(middleware);
    app.use(async (ctx) => {
      const reply = await call(ctx.path, (ctx.request as { body?: unknown }).body);
      ctx.status = reply.status ?? 200;
      if (ctx.status !== 204) ctx.body = bodyOf(reply);
      ctx.set({ ...reply.headers });
    });
    return listening(createServer(app.callback()), middleware.close);
  };

const onNest =
  (adapter: AdapterName): Start =>
  async (options, behave) => {
    const call = counted(behave);
    class Everything {
      async handle(request: { url: string }, body: unknown, to: AnyReply): Promise<unknown> {
        const reply = await call(request.url.replace(/\?.*/, ''), body);
        to.status(reply.status ?? 200);
        for (const [name, value] of Object.entries(reply.headers ?? {})) to.header(name, value);
        const content = bodyOf(reply);
        return typeof content === 'string' ? content : new StreamableFile(content);
      }
    }
    const root = controller(
      Everything,
      {
        handle: [
          [All(adapter === 'Express' ? '{*path}' : '*')],
          Req(),
          Body(),
          Res({ passthrough: true }),
        ],
      },
      Idempotent(),
    );
    const imports = [IdempotencyModule.forRoot(options)];
    const app = await nestApplication(adapter, { imports, controllers: [root] }, (each) => {
      if (adapter === 'Express') (each as NestExpressApplication).useBodyParser('text');
      else {
        // The parser of Fastify before 5.12, which Nest 11 uses, refuses bytes that are not UTF-8.
        (each as NestFastifyApplication).useBodyParser('text/plain', {}, (_request, body, done) =>
          done(null, body.toString()),
        );
      }
      each.useGlobalFilters({
        catch(error: Error, host: ArgumentsHost) {
          const to = host.switchToHttp().getResponse<AnyReply>();
          if (!(error instanceof IdempotencyException)) {
            const { status, statusCode = status ?? 500 } = error as {
              status?: number;
              statusCode?: number;
            };
            return to.status(statusCode).send((error as Error).message);
          }
          to.header('content-type', 'application/problem+json');
          return to.status(error.getStatus()).send(error.getResponse());
        },
      });
    });
    return listening(app.getHttpServer(), () => app.close());
  };

/** What Express and Fastify have in common. */
interface AnyReply {
  status(code: number): AnyReply;
  header(name: string, value: string): unknown;
  send(body: unknown): unknown;
}

/** Starts the same server with each framework. */
export const FRAMEWORKS: Readonly<Record<string, Start>> = {
  'a web-standard handler': onWeb,
  hono: onHono,
  'express 5': onExpress(express, 'after'),
  'express 5, behind express.json()': onExpress(express, 'before'),
  'express 4': onExpress(express4 as typeof express, 'after'),
  'express 4, behind express.json()': onExpress(express4 as typeof express, 'before'),
  fastify: onFastify,
  'koa 3': onKoa(Koa, 'after'),
  'koa 3, behind a parser': onKoa(Koa, 'before'),
  'koa 2': onKoa(Koa2, 'after'),
  'koa 2, behind a parser': onKoa(Koa2, 'before'),
  'nest on express': onNest('Express'),
  'nest on fastify': onNest('Fastify'),
};
