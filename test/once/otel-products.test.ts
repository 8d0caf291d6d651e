import { once as eventOf } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Post as PostRoute } from '@nestjs/common';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { simulateReadableStream } from 'ai';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallParams, idempotencyMiddleware } from '../../src/ai-sdk/ai-sdk.js';
import { createBatch, planBatch } from '../../src/batch/batch.js';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { randomKey } from '../../src/index.js';
import { createOnce, richCodec } from '../../src/once/index.js';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { honoIdempotency } from '../../src/server/hono.js';
import { koaIdempotency } from '../../src/server/koa.js';
import { IdempotencyModule, Idempotent } from '../../src/server/nestjs.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import { type AdapterName, controller, nestApplication } from '../server/nest.js';
import { telemetryInMemory } from './telemetry-in-memory.js';

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

const TRACE = 'a'.repeat(32);
const headers = {
  'idempotency-key': 'order-7',
  'content-type': 'application/json',
  traceparent: `00-${TRACE}-${'b'.repeat(16)}-01`,
};
const order = { method: 'POST', headers, body: '{"item":1}' };

/** Sends an order. The second time it is replayed. */
type Post = () => Promise<{ readonly status: number }>;

interface Server {
  readonly post: Post;
  readonly end?: () => Promise<unknown>;
}

/** A module of Nest is observed by a middleware before it. */
const onNest =
  (adapter: AdapterName) =>
  async ({ onEvent, observe }: ReturnType<typeof telemetryInMemory>): Promise<Server> => {
    class Orders {
      create() {
        return {};
      }
    }
    const imports = [IdempotencyModule.forRoot({ store: memoryStore(), onEvent })];
    const root = controller(Orders, { create: [[PostRoute('orders')]] }, Idempotent());
    const app = await nestApplication(adapter, { imports, controllers: [root] }, (each) =>
      each.use(
        observe(function request(_request: never, _response: never, next: () => void) {
          next();
        }),
      ),
    );
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/orders?a=1`;
    return { post: () => fetch(url, order), end: () => app.close() };
  };

const SERVERS: Record<string, (seen: ReturnType<typeof telemetryInMemory>) => Promise<Server>> = {
  async 'samekey/server'({ onEvent, observe }) {
    const handler = observe(
      idempotent(async () => Response.json({}, { status: 201 }), { store: memoryStore(), onEvent }),
    );
    expect(handler.stats().executed).toBe(0);
    return { post: () => handler(new Request('http://shop.example/orders?a=1', order)) };
  },
  async 'samekey/hono'({ onEvent, observe }) {
    const app = new Hono();
    app.use(observe(honoIdempotency({ store: memoryStore(), onEvent })));
    app.post('/orders', (c) => c.json({}, 201));
    return { post: async () => app.request('/orders?a=1', order) };
  },
  async 'samekey/express'({ onEvent, observe }) {
    const app = express().use(observe(expressIdempotency({ store: memoryStore(), onEvent })));
    app.post('/orders', (_, response) => void response.status(201).json({}));
    const server = app.listen(0);
    await eventOf(server, 'listening');
    const url = `http://localhost:${(server.address() as AddressInfo).port}/orders?a=1`;
    const end = () => new Promise((resolve) => server.close(resolve));
    return { post: () => fetch(url, order), end };
  },
  async 'samekey/koa'({ onEvent, observe }) {
    const app = new Koa();
    app.use(observe(koaIdempotency({ store: memoryStore(), onEvent })));
    app.use((ctx) => {
      ctx.status = 201;
      ctx.body = {};
    });
    const server = app.listen(0);
    await eventOf(server, 'listening');
    const url = `http://localhost:${(server.address() as AddressInfo).port}/orders?a=1`;
    const end = () => new Promise((resolve) => server.close(resolve));
    return { post: () => fetch(url, order), end };
  },
  'samekey/nestjs on Express': onNest('Express'),
  'samekey/nestjs on Fastify': onNest('Fastify'),
  async 'samekey/fastify'({ onEvent, observe }) {
    const app = fastify();
    await app.register(observe(fastifyIdempotency({ store: memoryStore(), onEvent })));
    app.post('/orders', async (_, reply) => reply.status(201).send({}));
    const url = `${await app.listen()}/orders?a=1`;
    return { post: () => fetch(url, order), end: () => app.close() };
  },
};

describe.each(Object.entries(SERVERS))('%s is observed', (_, start) => {
  it('with a span, a duration and the saved time of every request', async () => {
    const seen = telemetryInMemory();
    const { post, end } = await start(seen);
    for (let turn = 0; turn < 2; turn++) expect((await post()).status).toBe(201);
    await expect.poll(() => seen.spans().length).toBe(2);
    await end?.();
    expect(
      seen.spans().map((span) => [span.name, span.spanContext().traceId, span.attributes]),
    ).toMatchObject(
      ['executed', 'replayed'].map((outcome) => [
        'samekey.request',
        TRACE,
        {
          'http.request.method': 'POST',
          'url.path': '/orders',
          'http.response.status_code': 201,
          'samekey.outcome': outcome,
        },
      ]),
    );
    const { durations, points } = seen;
    expect(await points('in_flight')).toEqual([{ value: 0 }]);
    expect(Object.keys(await durations('call.duration')).map((name) => name.split(' ')[0])).toEqual(
      ['executed', 'replayed'],
    );
    expect(await durations('saved.duration')).toEqual({ 'replayed process': 1 });
  });
});

describe('samekey/fetch is observed', () => {
  const run = (seen: ReturnType<typeof telemetryInMemory>, upstream: typeof fetch) =>
    seen.observe(idempotentFetch({ store: memoryStore(), onEvent: seen.onEvent, fetch: upstream }));

  it('with where the request goes, and without what its query may hide', async () => {
    const seen = telemetryInMemory();
    const ask = run(seen, async () => Response.json({}));
    for (let turn = 0; turn < 2; turn++) {
      await (await ask('https://api.example/v1?key=secret', { method: 'post', body: '{}' })).text();
    }
    const [first, second] = seen.spans();
    expect(first?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'url.full': 'https://api.example/v1',
      'server.address': 'api.example',
      'server.port': 443,
      'http.response.status_code': 200,
      'samekey.outcome': 'executed',
    });
    expect(second?.attributes).toMatchObject({
      'samekey.outcome': 'replayed',
      'samekey.layer': 'process',
    });
    expect(JSON.stringify(seen.spans().map(({ attributes }) => attributes))).not.toMatch('secret');
  });

  it('with the type of its error', async () => {
    const seen = telemetryInMemory();
    const ask = run(seen, () => Promise.reject(new TypeError('fetch failed')));
    await expect(ask('https://api.example/', { method: 'POST', body: '{}' })).rejects.toThrow();
    expect(seen.spans()[0]?.attributes).toMatchObject({ 'error.type': 'TypeError' });
    expect(await seen.points('in_flight')).toEqual([{ value: 0 }]);
  });
});

describe('samekey/ai-sdk is observed', () => {
  const usage = { inputTokens: { total: 3 }, outputTokens: { total: 2 } };
  const finish = { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage };
  const model = {
    provider: 'openai.chat',
    modelId: 'gpt-5',
    doGenerate: async () => ({ content: [], finishReason: finish.finishReason, usage }),
    doStream: async () => ({
      stream: simulateReadableStream({ chunks: [{ type: 'text-start', id: '1' }, finish] }),
    }),
  };
  const params: CallParams & { readonly prompt: unknown } = {
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  };
  const genAi = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai.chat',
    'gen_ai.request.model': 'gpt-5',
  };

  it('with the model, until the end of a stream', async () => {
    const seen = telemetryInMemory();
    const { onEvent, observe } = seen;
    const middleware = observe(idempotencyMiddleware({ store: memoryStore(), onEvent }));
    expect(middleware.specificationVersion).toBe('v4');
    for (let turn = 0; turn < 2; turn++) await middleware.wrapGenerate({ params, model });
    const streams: unknown[] = [];
    for (let turn = 0; turn < 2; turn++) {
      const { stream } = await middleware.wrapStream({ params, model });
      const reader = stream.getReader();
      expect(seen.spans()).toHaveLength(2 + turn);
      const types: unknown[] = [];
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        types.push((part.value as { readonly type: unknown }).type);
      }
      streams.push(types);
    }
    expect(streams).toEqual([
      ['text-start', 'finish'],
      ['text-start', 'finish'],
    ]);
    const { stream } = await middleware.wrapStream({ params, model });
    await stream.cancel();
    expect(seen.spans().map(({ name, attributes }) => [name, attributes])).toMatchObject(
      ['executed', 'replayed', 'executed', 'replayed', 'replayed'].map((outcome) => [
        'samekey.model',
        { ...genAi, 'samekey.outcome': outcome },
      ]),
    );
    expect(await seen.points('in_flight')).toEqual([{ value: 0 }]);
    expect(middleware.stats()).toMatchObject({ executed: 2, replayed: 3 });
  });
});

it('samekey/batch is observed: events by option, and a span of each function', async () => {
  const seen = telemetryInMemory();
  const { onEvent, observe } = seen;
  const store = memoryStore();
  const requests = [{ params: { model: 'm', max_tokens: 9, messages: [] } }];
  const { batches } = await observe(planBatch)(requests, { store, provider: 'anthropic' });
  const create = observe(createBatch);
  const api = { create: async () => ({ id: 'batch_1' }) };
  for (const batch of [...batches, ...batches]) await create(batch, api, { store, onEvent });
  expect(seen.spans().map(({ name, attributes }) => [name, attributes['samekey.outcome']])).toEqual(
    [
      ['samekey.planBatch', undefined],
      ['samekey.createBatch', 'executed'],
      ['samekey.createBatch', 'replayed'],
    ],
  );
  expect(await seen.points('calls')).toMatchObject([
    { outcome: 'executed', value: 1 },
    { outcome: 'replayed', value: 1 },
  ]);
});

it('a once with another codec keeps its types', async () => {
  const { onEvent, observe } = telemetryInMemory();
  const once = observe(createOnce({ store: memoryStore(), codec: richCodec, onEvent }));
  const at: Date = await once(randomKey(), () => new Date(0));
  expect(at.getTime()).toBe(0);
});
