/** The ways in which a handler writes one response and a request body arrives, on every server of Node. */
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import Fastify, { type FastifyInstance } from 'fastify';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { memoryStore } from '../../src/store/memory.js';
import { afterTest } from './node-server.js';

const TEXT = '{"order":"caf\u00e9"}';

/** Writes the same body each time. */
export const WRITERS: Readonly<Record<string, (to: ServerResponse) => unknown>> = {
  'end alone': (to) => {
    to.setHeader('content-type', 'application/json');
    to.end(TEXT);
  },
  'a head and end': (to) => {
    to.writeHead(201, { 'Content-Type': 'application/json', 'X-Order': ['1', '2'] });
    to.end(TEXT);
  },
  'a flushed head and end': (to) => {
    to.setHeader('X-Order', '1');
    to.flushHeaders();
    to.end(TEXT);
  },
  'a length and pieces in one turn': (to) => {
    to.writeHead(200, ['Content-Length', String(Buffer.byteLength(TEXT))]);
    to.write(TEXT.slice(0, 5));
    to.end(TEXT.slice(5));
  },
  'pieces in one turn': (to) => {
    to.write(Buffer.from(TEXT.slice(0, 5)));
    to.write(TEXT.slice(5, 7));
    to.end(TEXT.slice(7));
  },
  'pieces and an empty end': (to) => {
    to.write(TEXT);
    to.end();
  },
  'pieces in several turns': async (to) => {
    to.writeHead(200, { 'content-type': 'application/json' });
    for (const part of [TEXT.slice(0, 5), TEXT.slice(5)]) {
      await sleep(5);
      to.write(part);
    }
    await sleep(5);
    to.end();
  },
  'end in the next turn': (to) => {
    to.writeHead(200);
    setImmediate(() => to.end(TEXT));
  },
  'end in a microtask': async (to) => {
    to.writeHead(200);
    await undefined;
    to.end(TEXT);
  },
  'trailers with pieces in one turn': (to) => {
    to.writeHead(200, { Trailer: 'X-Sum' });
    to.write(TEXT);
    to.addTrailers({ 'X-Sum': '17' });
    to.end();
  },
  'trailers with end alone': (to) => {
    to.setHeader('Trailer', 'X-Sum');
    to.addTrailers({ 'X-Sum': '17' });
    to.end(TEXT);
  },
  'trailers in several turns': async (to) => {
    to.setHeader('Trailer', 'X-Sum');
    to.write(TEXT.slice(0, 5));
    await sleep(5);
    to.addTrailers({ 'X-Sum': '17' });
    to.end(TEXT.slice(5));
  },
};

/** When the body of the request is there. */
export const ARRIVALS = [
  'before the middleware',
  'behind the middleware',
  'parsed before',
] as const;
export type Arrival = (typeof ARRIVALS)[number];

/** What the handler noticed. */
export interface Seen {
  body: string;
  /** Events and states in their order. */
  readonly events: string[];
}

export interface Running {
  readonly isHttp2: boolean;
  readonly url: string;
  /** One entry for each run of the handler. */
  readonly seen: Seen[];
}

type Middleware = ReturnType<typeof expressIdempotency>;

/** Reads the body, unless it was parsed, and writes the response. Records what it notices meanwhile. */
async function handle(
  name: string,
  from: IncomingMessage & { body?: unknown },
  to: ServerResponse,
  all: Seen[],
): Promise<void> {
  const seen: Seen = { body: '', events: [] };
  all.push(seen);
  const states = (when: string) =>
    seen.events.push(`${when}: ${to.headersSent} ${to.writableEnded} ${to.destroyed ?? false}`);
  for (const event of ['finish', 'close', 'error']) {
    to.on(event, () => seen.events.push(`response ${event}`));
  }
  if (from.body === undefined) {
    from.on('end', () => seen.events.push('request end'));
    for await (const chunk of from) seen.body += chunk;
  } else {
    seen.body = JSON.stringify(from.body);
  }
  states('before');
  const writing = WRITERS[name]?.(to);
  states('after');
  await writing;
}

/** Reads the body as a parser does. */
async function parse(from: IncomingMessage & { body?: unknown }): Promise<void> {
  let text = '';
  for await (const chunk of from) text += chunk;
  from.body = JSON.parse(text);
}

type Listener = (from: IncomingMessage, to: ServerResponse) => void;

const plain =
  (start: (listener: Listener) => Server | http2.Http2Server) =>
  async (middleware: Middleware | undefined, arrival: Arrival, seen: Seen[]) =>
    start(async (from, to) => {
      if (arrival === 'parsed before') await parse(from);
      else if (arrival === 'before the middleware') await sleep(20);
      const next = () => void handle(from.headers['x-way'] as string, from, to, seen);
      if (middleware === undefined) next();
      else middleware(from, to as never, next);
    });

async function onExpress(middleware: Middleware | undefined, arrival: Arrival, seen: Seen[]) {
  const app = express();
  if (arrival === 'parsed before') app.use(express.json());
  else if (arrival === 'before the middleware') app.use((_from, _to, next) => setTimeout(next, 20));
  if (middleware !== undefined) app.use(middleware);
  app.post('/', (from, to) => handle(from.get('x-way') as string, from, to, seen));
  return createServer(app);
}

const onFastify =
  (make: () => FastifyInstance) =>
  async (middleware: Middleware | undefined, _: Arrival, seen: Seen[]) => {
    const app = make();
    if (middleware !== undefined) {
      await app.register(fastifyIdempotency({ store: memoryStore() }));
    }
    app.post('/', (request, reply) => {
      reply.hijack();
      const from = Object.assign(request.raw, { body: request.body });
      return handle(request.headers['x-way'] as string, from, reply.raw, seen);
    });
    await app.ready();
    afterTest(() => app.close());
    return app.server as Server | http2.Http2Server;
  };

export const SERVERS = {
  'node:http': plain((listener) => createServer(listener)),
  'node:http2': plain((listener) => http2.createServer(listener as never)),
  Express: onExpress,
  Fastify: onFastify(() => Fastify()),
  'Fastify on HTTP/2': onFastify(() => Fastify({ http2: true }) as never),
} as const;
export type ServerName = keyof typeof SERVERS;

export async function startServer(
  name: ServerName,
  arrival: Arrival,
  isGuarded: boolean,
): Promise<Running> {
  const seen: Seen[] = [];
  const middleware = isGuarded ? expressIdempotency({ store: memoryStore() }) : undefined;
  const server = await SERVERS[name](middleware, arrival, seen);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { isHttp2: /2/.test(name), url, seen };
}

/** A response as it was on the wire. */
export interface Wire {
  readonly status: unknown;
  /** Lines in their order, without those that every response has of its own. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

const PER_RESPONSE = /^(?:date|connection|keep-alive|:status):/i;

const linesOf = (list: readonly string[]) =>
  list.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${list[at + 1]}`] : []));

/** Sends a request. With `lateMs`, its body follows its head by so long. */
export const ask = ({ isHttp2, url }: Running, way: string, body: string, lateMs: number) =>
  (isHttp2 ? askHttp2 : askHttp1)(url, headersFor(way), body, lateMs);

const headersFor = (way: string) => ({
  'x-way': way,
  'idempotency-key': way.replaceAll(' ', '-'),
  'content-type': 'application/json',
});

async function askHttp1(
  url: string,
  headers: Record<string, string>,
  body: string,
  lateMs: number,
): Promise<Wire> {
  const sent = httpRequest(url, {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': body.length },
  });
  sent.flushHeaders();
  if (lateMs > 0) await sleep(lateMs);
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const bytes = Buffer.concat(await response.toArray());
  return {
    status: response.statusCode,
    headers: linesOf(response.rawHeaders).filter((line) => !PER_RESPONSE.test(line)),
    body: bytes.toString('latin1'),
    trailers: linesOf(response.rawTrailers),
  };
}

async function askHttp2(
  url: string,
  headers: Record<string, string>,
  body: string,
  lateMs: number,
): Promise<Wire> {
  const client = http2.connect(url);
  try {
    const stream = client.request({ ':method': 'POST', ':path': '/', ...headers });
    let trailers: string[] = [];
    stream.on('trailers', (_trailers, _flags, raw) => {
      trailers = linesOf(raw as unknown as string[]);
    });
    if (lateMs > 0) await sleep(lateMs);
    stream.end(body);
    const [found, , raw] = await once(stream, 'response');
    const bytes = Buffer.concat(await stream.toArray());
    return {
      status: found[':status'],
      headers: linesOf(raw).filter((line) => !PER_RESPONSE.test(line)),
      body: bytes.toString('latin1'),
      trailers,
    };
  } finally {
    client.destroy();
  }
}
