/** The servers of the benchmark: each framework bare, with samekey, and with a peer wired by hand. */
import { createServer } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Idempotency } from '@node-idempotency/core';
import { MemoryStorageAdapter } from '@node-idempotency/storage-adapter-memory';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { buildNames, loadModule } from '../build.mjs';

export const BARE = 'bare';
export const PEER = '@node-idempotency/core';

/**
 * @typedef {(order: any) => unknown} Handler
 * @typedef {import('node:http').Server} Server
 * @typedef {(guard: string, handler: Handler) => Promise<Server>} Start
 */

/** @type {Record<string, Start>} */
export const FRAMEWORKS = {
  async 'web-standard'(guard, handler) {
    const way = byHand(guard, handler);
    const answer = async (/** @type {Request} */ request) =>
      Response.json(await way(await request.json(), request.headers.get('idempotency-key')));
    const samekey = await optionsOf(guard, 'server/web.js');
    const fetch = samekey ? samekey.module.idempotent(answer, samekey.options) : answer;
    return listening(createAdaptorServer({ fetch: (request) => fetch(request) }));
  },
  async hono(guard, handler) {
    const way = byHand(guard, handler);
    const app = new Hono();
    const samekey = await optionsOf(guard, 'server/hono.js');
    if (samekey) app.use(samekey.module.honoIdempotency(samekey.options));
    app.post('/orders', async (c) =>
      c.json(await way(await c.req.json(), c.req.header('idempotency-key'))),
    );
    return listening(createAdaptorServer({ fetch: app.fetch }));
  },
  async express(guard, handler) {
    const way = byHand(guard, handler);
    const app = express();
    app.use(express.json());
    const samekey = await optionsOf(guard, 'server/express.js');
    if (samekey) app.use(samekey.module.expressIdempotency(samekey.options));
    app.post('/orders', async (request, response) => {
      response.json(await way(request.body, request.headers['idempotency-key']));
    });
    return listening(createServer(app));
  },
  async fastify(guard, handler) {
    const way = byHand(guard, handler);
    const app = Fastify();
    const samekey = await optionsOf(guard, 'server/fastify.js');
    if (samekey) await app.register(samekey.module.fastifyIdempotency(samekey.options));
    app.post('/orders', async (request) => way(request.body, request.headers['idempotency-key']));
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
};

/**
 * @param {string} guard
 * @param {string} file
 */
async function optionsOf(guard, file) {
  if (!buildNames().includes(guard)) return undefined;
  const { memoryStore } = await loadModule(guard, 'store/memory.js');
  return { module: await loadModule(guard, file), options: { store: memoryStore() } };
}

/**
 * The handler, in the peer if that is the guard. The peer has a middleware for NestJS only, so a user of
 * these frameworks calls it in the handler. It stores the parsed body.
 *
 * @param {string} guard
 * @param {Handler} handler
 * @returns {(order: any, key: unknown) => unknown}
 */
function byHand(guard, handler) {
  if (guard !== PEER) return handler;
  const peer = new Idempotency(/** @type {any} */ (new MemoryStorageAdapter()));
  return async (order, key) => {
    const request = {
      method: 'POST',
      path: '/orders',
      headers: { 'idempotency-key': key },
      body: order,
    };
    const stored = await peer.onRequest(request);
    if (stored) return stored.body;
    const body = await handler(order);
    await peer.onResponse(request, { body });
    return body;
  };
}

/** @param {any} server @returns {Promise<Server>} */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return server;
}
