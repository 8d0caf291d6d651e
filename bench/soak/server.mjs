/**
 * The API of the soak: `node server.mjs KEYS TTL_MS REDIS_PORT PROXY_PORT`. It has a web-standard handler on one
 * port and one of `node:http` on another, both behind samekey and on one Redis. Each calls the provider
 * through the proxy.
 */
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Redis } from 'ioredis';
import { expressIdempotency } from '../../dist/server/express.js';
import { idempotent } from '../../dist/server/web.js';
import { redisStore } from '../../dist/store/redis.js';
import { Tally } from './script.mjs';

const [keyCount = 0, ttlMs = 0, redisPort = 0, proxyPort = 0] = process.argv.slice(2).map(Number);
const client = new Redis(redisPort);
const store = redisStore({ client, prefix: 'api:' });
const options = { store, ttlMs, required: true };

/** How often the handlers ran, and how often with success. */
const starts = new Tally(keyCount);
const runs = new Tally(keyCount);

/** @param {string} order */
const numberOf = (order) => Number(/"seed":(\d+)/.exec(order)?.[1]);

const headers = { authorization: 'Bearer soak', 'content-type': 'application/json' };
const url = `http://127.0.0.1:${proxyPort}/v1/chat/completions`;

const web = idempotent(async (request) => {
  const body = await request.text();
  const n = numberOf(body);
  starts.add(n);
  const answer = await fetch(url, { method: 'POST', headers, body });
  if (answer.ok) runs.add(n);
  const type = answer.headers.get('content-type') ?? '';
  return new Response(answer.body, { status: answer.status, headers: { 'content-type': type } });
}, options);

const agent = new Agent({ keepAlive: true, timeout: 4000 });
const middleware = expressIdempotency(options);
const node = createServer((request, response) => {
  middleware(request, response, async (failure) => {
    if (failure) return response.writeHead(500).end(String(failure));
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part;
    const n = numberOf(body);
    starts.add(n);
    const length = { 'content-length': Buffer.byteLength(body) };
    const call = httpRequest(url, { method: 'POST', agent, headers: { ...headers, ...length } });
    call.on('error', (error) => response.destroy(error));
    call.on('response', (answer) => {
      const status = answer.statusCode ?? 0;
      if (status === 200) runs.add(n);
      response.writeHead(status, { 'content-type': answer.headers['content-type'] ?? '' });
      answer.pipe(response);
    });
    call.end(body);
  });
});

const servers = [createAdaptorServer({ fetch: web }), node];
for (const server of servers) {
  // A client that sends on a connection at the moment in which the server closes it gets no answer.
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', 4096);
  await once(server, 'listening');
}
const ports = servers.map((server) => /** @type {any} */ (server.address()).port);
console.log(JSON.stringify({ ports }));
process.on('message', (/** @type {any} */ { id, verdict }) => {
  if (!verdict) return;
  process.send?.({ id, startCount: starts.total, runCount: runs.total, ranTwice: runs.above(1) });
});
