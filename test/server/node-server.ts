import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, expect, vi } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { IdempotencyRules } from '../../src/server/rules.js';
import type { ServerOptions } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
});

/** Runs a function after the current test. */
export function afterTest(cleanUp: () => unknown): void {
  cleanups.push(cleanUp);
}

/** Starts a server, which is closed after the test, and returns its URL with a slash at its end. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** The same for a server that all tests of a file share. */
export async function listenUntilEnd(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** The same for an application of Fastify. */
export async function listenFastify(app: FastifyInstance): Promise<string> {
  afterTest(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
}

export const post = (url: string, init: RequestInit = {}, key = 'a') =>
  fetch(url, {
    method: 'POST',
    ...init,
    headers: { 'idempotency-key': key, ...(init.headers as Record<string, string>) },
  });

/** A promise that the test resolves by calling `open`. */
export function latch() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Returns the number of requests whose key samekey has looked up: each of them runs, waits or has its answer. */
export function countArrivals(): () => number {
  const respond = vi.spyOn(IdempotencyRules.prototype, 'respond');
  afterTest(() => respond.mockRestore());
  return () => respond.mock.calls.length;
}

/** Starts a server of `node:http` that calls the middleware without a framework. */
export async function startNode(
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
  return { url: await listen(server), errors, middleware, server };
}

/** Opens a connection on which a test writes its own bytes. */
export const connectTo = (url: string) => connect(Number(new URL(url).port), '127.0.0.1');

/** Sends a request, and disconnects when `isReceived` returns `true`. */
export async function disconnectAfter(
  url: string,
  isReceived: () => boolean,
  how: 'end' | 'reset',
  body = '',
) {
  const socket = connectTo(url);
  socket.write(
    `POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\n${body && 'content-type: application/json\r\n'}content-length: ${body.length}\r\n\r\n${body}`,
  );
  await expect.poll(isReceived).toBe(true);
  if (how === 'end') socket.destroy();
  else socket.resetAndDestroy();
}
