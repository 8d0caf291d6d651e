/**
 * A server for `groups/http-server.mjs`, in its own process: `node server-process.mjs hono yes`.
 * Reports its port over IPC and, when asked, its CPU time. Orders and confirmations have about 1 KiB.
 */
import { createServer } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { memoryStore } from '../../dist/store/memory.js';

const [framework = '', protects = ''] = process.argv.slice(2);
let orderCount = 0;
const confirmation = (/** @type {any} */ order) => ({ number: ++orderCount, ...order });

/** @type {Record<string, () => Promise<import('node:http').Server>>} */
const STARTS = {
  async 'web-standard'() {
    const { idempotent } = await import('../../dist/server/web.js');
    const bare = async (/** @type {Request} */ request) =>
      Response.json(confirmation(await request.json()));
    const fetch = protects ? idempotent(bare, { store: memoryStore() }) : bare;
    return listening(createAdaptorServer({ fetch: (request) => fetch(request) }));
  },
  async hono() {
    const { honoIdempotency } = await import('../../dist/server/hono.js');
    const app = new Hono();
    if (protects) app.use(honoIdempotency({ store: memoryStore() }));
    app.post('/orders', async (c) => c.json(confirmation(await c.req.json())));
    return listening(createAdaptorServer({ fetch: app.fetch }));
  },
  async express() {
    const { expressIdempotency } = await import('../../dist/server/express.js');
    const app = express();
    app.use(express.json());
    if (protects) app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/orders', (request, response) => {
      response.json(confirmation(request.body));
    });
    return listening(createServer(app));
  },
  async fastify() {
    const { fastifyIdempotency } = await import('../../dist/server/fastify.js');
    const app = Fastify();
    if (protects) await app.register(fastifyIdempotency({ store: memoryStore() }));
    app.post('/orders', async (request) => confirmation(request.body));
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
};

/** @param {any} server */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return server;
}

process.on('disconnect', () => process.exit());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
const start = STARTS[framework];
if (!start) throw new Error(`Cannot start ${framework}: choose from ${Object.keys(STARTS)}`);
const server = await start();
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
process.send?.({ port });
