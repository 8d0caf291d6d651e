import { createServer } from 'node:http';
import express from 'express';
import Fastify, { type FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { memoryStore } from '../../src/store/memory.js';
import { listen, listenFastify, post } from './node-server.js';

describe('the option account', () => {
  const requests = [
    ['user1', 'token1', 1],
    ['user1', 'token2', 1],
    ['user2', 'token1', 2],
  ] as const;
  const askAll = async (url: string) => {
    for (const [user, token, count] of requests) {
      const headers = { 'x-user': user, authorization: `Bearer ${token}` };
      expect(await (await post(url, { headers })).json()).toEqual({ count });
    }
  };
  let runs = 0;

  it('uses the user that earlier middleware of Express found', async () => {
    runs = 0;
    const app = express();
    app.use((request, response, next) => {
      response.locals.user = request.get('x-user');
      next();
    });
    app.use(
      expressIdempotency({
        store: memoryStore(),
        account: (request: express.Request) => request.res?.locals.user,
      }),
    );
    app.post('/', (_, response) => {
      response.json({ count: ++runs });
    });
    await askAll(await listen(createServer(app)));
  });

  it('uses the user that a request of Fastify names', async () => {
    runs = 0;
    const app = Fastify();
    const idempotency = fastifyIdempotency({
      store: memoryStore(),
      account: (request: FastifyRequest) => String(request.headers['x-user']),
    });
    await app.register(idempotency);
    app.post('/', async () => ({ count: ++runs }));
    await askAll(await listenFastify(app));
    expect(idempotency.stats()).toMatchObject({ executed: 2, replayed: 1 });
  });
});

describe('a response header that was set earlier', () => {
  const ids = async (url: string) => {
    const responses = [await post(url), await post(url)];
    return responses.map(({ headers }) => [
      headers.get('x-request-id'),
      headers.get('x-mode'),
      headers.get('x-gone'),
      headers.get('x-first'),
      headers.get('set-cookie'),
    ]);
  };
  // The handler removes `x-gone` from the first response only, and sets a cookie for that client.
  const expected = [
    ['1', 'own', null, 'yes', 'own=3'],
    ['2', 'own', 'yes', null, null],
  ];

  it('on Express belongs to its own request, unless the handler changed it', async () => {
    const app = express();
    let count = 0;
    app.use((_, response, next) => {
      response.set({ 'x-request-id': String(++count), 'x-mode': 'usual', 'x-gone': 'yes' });
      if (count === 1) response.set('x-first', 'yes');
      next();
    });
    app.use(expressIdempotency({ store: memoryStore() }));
    app.post('/', (_, response) => {
      response.set({ 'x-mode': 'own', 'set-cookie': 'own=3' }).removeHeader('x-gone');
      response.send('done');
    });
    expect(await ids(await listen(createServer(app)))).toEqual(expected);
  });

  it('on Fastify belongs to its own request, unless the handler changed it', async () => {
    const app = Fastify();
    let count = 0;
    app.addHook('onRequest', async (_, reply) => {
      reply.headers({ 'x-request-id': String(++count), 'x-mode': 'usual', 'x-gone': 'yes' });
      if (count === 1) reply.header('x-first', 'yes');
    });
    await app.register(fastifyIdempotency({ store: memoryStore() }));
    app.post('/', async (_, reply) => {
      reply.headers({ 'x-mode': 'own', 'set-cookie': 'own=3' }).removeHeader('x-gone');
      return 'done';
    });
    expect(await ids(await listenFastify(app))).toEqual(expected);
  });
});
