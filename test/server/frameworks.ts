import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';
import express from 'express';
// @ts-expect-error its declarations are those of version 5
import express4 from 'express-4';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { honoIdempotency } from '../../src/server/hono.js';
import { idempotent, type ServerOptions } from '../../src/server/web.js';

/** What a handler of a test gets, and what it makes of it. */
export interface Asked {
  /** Counted from 1, of those that reached the handler. */
  readonly count: number;
  readonly path: string;
  /** As the framework reads it: parsed if it is JSON, else text. */
  readonly body: unknown;
}
export interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<string>;
}
export type Behave = (asked: Asked) => Answered | Promise<Answered>;

export interface Started {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** Options that mean the same to every framework. */
export type AnyOptions = Omit<ServerOptions<never>, 'account' | 'required' | 'applies'> & {
  readonly required?: boolean;
};
type Start = (options: AnyOptions, behave: Behave) => Promise<Started>;

const counted = (behave: Behave) => {
  let count = 0;
  return (path: string, body: unknown) => behave({ count: ++count, path, body });
};

const bodyOf = ({ body = '' }: Answered) =>
  typeof body === 'string' ? body : Readable.from(body, { objectMode: false });

/** With room for all who knock at once. */
const WHERE = { port: 0, host: '127.0.0.1', backlog: 4096 };

async function listening(server: Server, close: () => unknown): Promise<Started> {
  if (!server.listening) {
    await new Promise<void>((resolve) => server.listen(WHERE, resolve));
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
  const ask = counted(behave);
  const handler = idempotent(async (request: Request) => {
    const text = await request.text();
    const isJson = request.headers.get('content-type') === 'application/json';
    const body = isJson ? JSON.parse(text) : text;
    const answered = await ask(new URL(request.url).pathname, body);
    return toWeb(answered);
  }, options);
  return listeningHono((request) => handler(request), handler.close);
}

function onHono(options: AnyOptions, behave: Behave): Promise<Started> {
  const ask = counted(behave);
  const app = new Hono();
  const middleware = honoIdempotency(options);
  app.use(middleware);
  app.all('*', async (c) => {
    const isJson = c.req.header('content-type') === 'application/json';
    const answered = await ask(c.req.path, isJson ? await c.req.json() : await c.req.text());
    return toWeb(answered);
  });
  app.onError((error, c) => c.text(error.message, 500));
  return listeningHono((request, env) => app.fetch(request, env), middleware.close);
}

function toWeb(answered: Answered): Response {
  const { status = 200, headers = {} } = answered;
  const body = bodyOf(answered);
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
    const ask = counted(behave);
    const app = make();
    const middleware = expressIdempotency(options);
    if (parses === 'after') app.use(middleware);
    app.use(make.json(), make.text());
    if (parses === 'before') app.use(middleware);
    app.use(async (request, response, next) => {
      try {
        const answered = await ask(request.path, request.body);
        const { status = 200, headers = {} } = answered;
        response.status(status).set(headers);
        const body = bodyOf(answered);
        if (typeof body === 'string') response.send(body);
        else body.pipe(response);
      } catch (error) {
        next(error);
      }
    });
    // Express tells by the number of parameters.
    app.use(((error, _request, response, _next) => {
      response.status(error.status ?? 500).send(error.message);
    }) as express.ErrorRequestHandler);
    return listening(createServer(app), middleware.close);
  };

async function onFastify(options: AnyOptions, behave: Behave): Promise<Started> {
  const ask = counted(behave);
  const app = Fastify({ forceCloseConnections: true });
  await app.register(fastifyIdempotency(options));
  app.all('*', async (request, reply) => {
    const answered = await ask(request.url.replace(/\?.*/, ''), request.body);
    const { status = 200, headers = {} } = answered;
    return reply.code(status).headers(headers).send(bodyOf(answered));
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send(error.message),
  );
  await app.listen(WHERE);
  return listening(app.server, () => app.close());
}

/** The same server, by every means. */
export const FRAMEWORKS: Readonly<Record<string, Start>> = {
  'a web-standard handler': onWeb,
  hono: onHono,
  'express 5': onExpress(express, 'after'),
  'express 5, behind express.json()': onExpress(express, 'before'),
  'express 4': onExpress(express4 as typeof express, 'after'),
  'express 4, behind express.json()': onExpress(express4 as typeof express, 'before'),
  fastify: onFastify,
};
