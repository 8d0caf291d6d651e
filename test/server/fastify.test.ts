import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { memoryStore } from '../../src/store/memory.js';
import { listenFastify, post } from './node-server.js';

describe('fastify', () => {
  it('runs earlier hooks for every request, and the hooks of the response once', async () => {
    const ran = { onRequest: 0, onSend: 0, onResponse: 0, handler: 0 };
    const app = Fastify();
    app.addHook('onRequest', async (request, reply) => {
      ran.onRequest++;
      reply.header('x-origin', request.headers.origin ?? 'none');
    });
    app.addHook('onResponse', async () => {
      ran.onResponse++;
    });
    await app.register(fastifyIdempotency({ store: memoryStore() }));
    app.addHook('onSend', async (_request, _reply, payload) => {
      ran.onSend++;
      return `<${payload}>`;
    });
    app.post('/', async () => {
      ran.handler++;
      return 'done';
    });
    const url = await listenFastify(app);
    const bodies = [];
    for (const _ of [1, 2, 3]) bodies.push(await (await post(url)).text());
    expect(bodies).toEqual(['<done>', '<done>', '<done>']);
    await expect.poll(() => ran).toEqual({ onRequest: 3, onSend: 1, onResponse: 3, handler: 1 });
  });

  it('answers 500 if a parser leaves no body, since all bodies would count as the same', async () => {
    const app = Fastify();
    app.addContentTypeParser('application/octet-stream', async (_: unknown, body: Readable) => {
      for await (const _ of body);
    });
    const idempotency = fastifyIdempotency({ store: memoryStore(), deriveKey: true });
    await app.register(idempotency);
    app.post('/', async () => 'done');
    const url = await listenFastify(app);
    const headers = { 'content-type': 'application/octet-stream', authorization: 'Bearer a' };
    const refused = await fetch(url, { method: 'POST', headers, body: 'one' });
    expect([refused.status, await refused.json()]).toMatchObject([
      500,
      { code: 'SAMEKEY_BAD_ARGUMENT' },
    ]);
    // A request without a body lacks nothing.
    const { authorization } = headers;
    const empty = await fetch(url, { method: 'POST', headers: { authorization } });
    expect(await empty.text()).toBe('done');
  });

  it('accepts a reply written on reply.raw, and a stream that fails', async () => {
    const app = Fastify();
    await app.register(fastifyIdempotency({ store: memoryStore() }));
    let runs = 0;
    app.post('/hand', (_, reply) => {
      runs++;
      reply.hijack();
      reply.raw.writeHead(202, { 'x-by': 'hand' }).end('by hand');
    });
    app.post('/late', async (_, reply) => {
      runs++;
      reply.send('late');
    });
    app.post('/fails', (_, reply) => {
      runs++;
      const words = async function* () {
        yield 'half';
        await sleep(20);
        throw new Error('it broke');
      };
      return reply.send(Readable.from(words()));
    });
    const url = await listenFastify(app);
    for (const _ of [1, 2]) {
      const byHand = await post(`${url}hand`);
      expect([byHand.status, byHand.headers.get('x-by'), await byHand.text()]).toEqual([
        202,
        'hand',
        'by hand',
      ]);
      expect(await (await post(`${url}late`)).text()).toBe('late');
      await expect((await post(`${url}fails`)).text()).rejects.toThrow();
    }
    // Only the failed request ran again.
    expect(runs).toBe(4);
  });
});
