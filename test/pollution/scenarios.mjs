/**
 * Short programs that use samekey, each with a `control` that does the same outside of samekey: with the
 * platform, a framework or a client. A name under which the control changes says nothing about samekey.
 */
import { createServer } from 'node:http';
import { Worker } from 'node:worker_threads';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { idempotencyMiddleware } from 'samekey/ai-sdk';
import { createBatch, dropBatch, planBatch, recordResults, resultsOf } from 'samekey/batch';
import { expressIdempotency } from 'samekey/express';
import { fastifyIdempotency } from 'samekey/fastify';
import { idempotentFetch, withRetry } from 'samekey/fetch';
import { honoIdempotency } from 'samekey/hono';
import { koaIdempotency } from 'samekey/koa';
import { createOnce, encryptedCodec, idempotency, onceTool } from 'samekey/once';
import { idempotent } from 'samekey/server';
import { memoryStore } from 'samekey/store/memory';
import { OPEN } from '../store/open-store.mjs';

const peer = new Worker(new URL('peer.mjs', import.meta.url));
const waiting = new Map();
let lastId = 0;
const upstreamUrl = new Promise((resolve) => waiting.set(0, ({ url }) => resolve(url)));
peer.on('message', (message) => {
  waiting.get(message.id)?.(message);
  waiting.delete(message.id);
});

/** Sends an order from the other thread. Resolves with its status, its outcome and its body. */
function order(url, key, body = '{"item":1}') {
  const id = ++lastId;
  return new Promise((resolve) => {
    waiting.set(id, ({ answer }) => resolve(answer));
    peer.postMessage({ id, url, key, body });
  });
}

/** The outcome of a promise as JSON can say it. */
const settled = (promise) =>
  promise.then(
    (value) => value,
    (error) => `${error.name} ${Object.hasOwn(error, 'code') ? error.code : ''} ${error.message}`,
  );

const KEY = 'order-7';

/** Orders that are new, repeated, at the same time, of another body, and without a key. */
async function orders(url) {
  const twice = await Promise.all([order(url, 'order-8'), order(url, 'order-8')]);
  return [
    await order(url, KEY),
    await order(url, KEY),
    await order(url, KEY, '{"item":2}'),
    await order(url),
    twice.map(([status, , text]) => [status, text]),
  ];
}

async function listening(server, use) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const streamOf = (...texts) => {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(encoder.encode(text));
      controller.close();
    },
    pull() {},
    cancel() {},
  });
};

/** The parts of the platform that fetch and the servers of the web use. */
async function platform() {
  const request = new Request('http://localhost/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    signal: new AbortController().signal,
  });
  const piped = new Response(streamOf('a', 'b'), { status: 201, headers: [['a', 'b']] });
  const pulled = new ReadableStream({ type: 'bytes', pull: (controller) => controller.close() });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const reader = new Response(streamOf('c')).body.getReader();
  return [
    await request.clone().text(),
    [...new Headers(request.headers)],
    new Request(request, { headers: { c: 'd' } }).headers.get('c'),
    piped.status,
    await piped.text(),
    await new Response(pulled).text(),
    await new Response('x', { status: 200, statusText: 'OK' }).text(),
    decoder.decode(new Uint8Array([97]), { stream: true }),
    (await reader.read()).done,
    AbortSignal.any([new AbortController().signal]).aborted,
    JSON.stringify({ a: 1 }),
  ];
}

const express_ = (guard) => {
  const app = express();
  app.use(express.json());
  if (guard) app.use(guard);
  app.post('/', (request, response) => response.status(201).json({ order: request.body.item }));
  return (use) => listening(createServer(app), use);
};

const fastify_ = (guard) => async (use) => {
  const app = Fastify({ forceCloseConnections: true });
  if (guard) await app.register(guard);
  app.post('/', (request, reply) => reply.code(201).send({ order: request.body.item }));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    return await use(url);
  } finally {
    await app.close();
  }
};

const koa_ = (guard) => {
  const app = new Koa();
  if (guard) app.use(guard);
  app.use(async (context) => {
    const chunks = [];
    for await (const chunk of context.req) chunks.push(chunk);
    context.status = 201;
    context.body = { order: JSON.parse(Buffer.concat(chunks)).item };
  });
  return (use) => listening(createServer(app.callback()), use);
};

const hono_ = (guard) => {
  const app = new Hono();
  if (guard) app.use(guard);
  app.post('/', async (context) => context.json({ order: (await context.req.json()).item }, 201));
  return app;
};

const webRequest = (key, item = 1) =>
  new Request('http://localhost/', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
    body: JSON.stringify({ item }),
  });
const webAnswer = async (response) => [
  response.status,
  response.headers.get('samekey'),
  await response.text(),
];
async function webOrders(handle) {
  const answers = [];
  for (const request of [webRequest(KEY), webRequest(KEY), webRequest(KEY, 2), webRequest()]) {
    answers.push(await webAnswer(await handle(request)));
  }
  return answers;
}

async function onceProgram() {
  const events = [];
  const once = createOnce({
    store: memoryStore(),
    onEvent: ({ type }) => events.push(type),
    storeErrors: (error) => error.message === 'stored',
    unknownErrors: (error) => error.message === 'unknown',
  });
  const fail = (message) => () => Promise.reject(new Error(message));
  const results = [
    await once('a', async ({ attempt }) => ({ attempt })),
    await once('a', async () => 2),
    await Promise.all([once('b', async () => 3), once('b', async () => 4)]),
    await once('a', async () => 5, { fresh: true }),
    await once('c', async () => 6, { ttlMs: 60_000, signal: new AbortController().signal }),
    await once('c', async () => 7, { payload: { x: 1 } }).catch(({ code }) => code),
    await settled(once('d', fail('stored'))),
    await settled(once('d', async () => 8)),
    await settled(once('e', fail('unknown'))),
    await settled(once('e', async () => 9)),
    await settled(once('f', fail('free'))),
    await settled(once('g', async () => () => {})),
    await settled(once('', async () => 1)),
    await once.evict('a'),
    once.inFlight,
  ];
  const tool = onceTool('refund', async ({ order }) => `paid ${order}`, {
    identity: { include: ['order'] },
  });
  results.push(await tool({ order: 7, a: 1 }), await tool({ order: 7, a: 2 }), tool.stats());
  await once.close();
  return [results, events];
}

async function waitingProgram() {
  const store = memoryStore();
  const [first, second] = [createOnce({ store }), createOnce({ store, onDuplicate: 'reject' })];
  let finish = () => {};
  const pending = new Promise((resolve) => {
    finish = resolve;
  });
  const running = first('a', () => pending);
  await Promise.resolve();
  const rejected = await settled(second('a', async () => 2));
  const joined = first('a', async () => 3);
  const aborted = new AbortController();
  const left = settled(first('a', async () => 4, { signal: aborted.signal }));
  aborted.abort(new Error('gave up'));
  finish(1);
  const results = [await running, await joined, rejected, await left];
  const timeout = createOnce({ store, timeoutMs: 5, waitMs: 5, cache: false, leaseMs: 20 });
  results.push(await settled(timeout('b', () => new Promise(() => {}))));
  results.push(await settled(timeout('b', async () => 5)));
  await Promise.all([first.close(), second.close(), timeout.close()]);
  return results;
}

const CHAT = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
const post = (body = CHAT) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
  body,
});
const json = (text = '{"answer":1}', status = 200) =>
  new Response(text, { status, headers: { 'content-type': 'application/json' } });
const EVENTS = [
  'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: [DONE]\n\n',
];
const sse = (events = EVENTS) =>
  new Response(streamOf(...events), { headers: { 'content-type': 'text/event-stream' } });

/** Calls a `fetch` with samekey around these responses, one after the other. */
async function fetched(responses, urls, options = {}) {
  const events = [];
  const left = [...responses];
  const fetch = idempotentFetch({
    store: memoryStore(),
    fetch: async () => left.shift()(),
    onEvent: ({ type }) => events.push(type),
    ...options,
  });
  const answers = [];
  for (const url of urls) {
    const answer = fetch(url, post()).then(webAnswer);
    answers.push(await settled(answer));
  }
  await fetch.close();
  return [answers, events];
}

const OPENAI = 'https://api.openai.com/v1/chat/completions';
const twice = [OPENAI, OPENAI];

async function retryProgram() {
  const codes = [503, 200];
  const reasons = [];
  const fetch = withRetry(async () => json('{"answer":1}', codes.shift()), {
    baseDelayMs: 1,
    onRetry: ({ reason }) => reasons.push(reason),
  });
  return [await webAnswer(await fetch(OPENAI, post())), reasons.length];
}

const PROMPT = { prompt: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] };
const FINISH = { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: {} };
const partsOf = (parts) =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });

async function aiProgram() {
  const middleware = idempotencyMiddleware({ store: memoryStore() });
  const doGenerate = async () => ({
    content: [{ type: 'text', text: 'a' }],
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: { inputTokens: { total: 9 }, outputTokens: { total: 2 } },
    warnings: [],
  });
  const doStream = async () => ({
    stream: partsOf([
      { type: 'stream-start', warnings: [] },
      { type: 'text-start', id: '1' },
      { type: 'text-delta', id: '1', delta: 'a' },
      { type: 'text-end', id: '1' },
      FINISH,
    ]),
  });
  const model = { provider: 'p', modelId: 'm', doGenerate, doStream };
  const call = { doGenerate, doStream, params: PROMPT, model };
  const answers = [];
  for (let count = 0; count < 2; count++) {
    const { content, providerMetadata } = await middleware.wrapGenerate(call);
    answers.push(content, providerMetadata.samekey.outcome);
  }
  for (let count = 0; count < 2; count++) {
    const { stream } = await middleware.wrapStream(call);
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      answers.push(value);
    }
  }
  await middleware.close?.();
  return answers;
}

async function batchProgram() {
  const store = memoryStore();
  const ask = (content) => ({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] });
  const requests = [
    { custom_id: 'anna', params: ask('a') },
    { params: ask('b') },
    { custom_id: 'carla', params: ask('a') },
  ];
  const { batches } = await planBatch(requests, { store, provider: 'anthropic' });
  const [batch] = batches;
  const api = { create: async ({ items }) => ({ id: `batch of ${items.length}` }) };
  const created = [
    await createBatch(batch, api, { store }),
    await createBatch(batch, api, { store }),
  ];
  const [first, second] = batch.items;
  const results = [
    { custom_id: second.customId, result: { type: 'expired' } },
    { custom_id: first.customId, result: { type: 'succeeded', message: { id: 'm' } } },
  ];
  const answers = [];
  const onResult = ({ requesters, outcome, response }) =>
    answers.push([requesters, outcome, response?.id]);
  const { ...summary } = await recordResults(results, { store, onResult });
  const next = await planBatch(requests, { store, provider: 'anthropic' });
  const stored = [];
  const plan = await planBatch(requests.slice(0, 1), { store, provider: 'anthropic' });
  for await (const { requesters, outcome } of resultsOf(plan, { store })) {
    stored.push(requesters, outcome);
  }
  const dropped = (await settled(dropBatch(next.batches[0].key, { store }))).replace(
    /ik_\w+/,
    'KEY',
  );
  return [created, summary, answers, next.batches.length, next.finished.length, stored, dropped];
}

/** The calls of a run on a store. */
async function storeProgram(store, key) {
  const request = (owner) => ({
    owner,
    leaseMs: 10_000,
    ttlMs: 20_000,
    fingerprint: 'f',
    takeUnknown: true,
    takeFinished: false,
  });
  const shown = (record) =>
    record && [record.state, record.owner, record.attempt, record.fingerprint, record.codec];
  const claims = [];
  for (const owner of ['a', 'b']) {
    const { claimed, record } = await store.claim(key, request(owner));
    claims.push(claimed, shown(record));
  }
  const renewed = await store.renew(key, 'a', 10_000);
  const payload = new TextEncoder().encode('result');
  const completion = { state: 'done', codec: 'json', payload, ttlMs: 20_000 };
  const completed = await store.complete(key, 'a', completion);
  const { record } = await store.read(key);
  const again = await store.claim(key, { ...request('c'), takeFinished: true });
  const released = await store.release(key, 'c');
  const before = (await store.read(key)).record;
  return [
    claims,
    renewed,
    completed,
    shown(record),
    new TextDecoder().decode(record.payload),
    again.claimed,
    released,
    shown(before),
    await store.evict(key),
    (await store.read(key)).record === undefined,
  ];
}

const nothing = async () => null;

/** Runs that need no server. */
export const SCENARIOS = {
  once: { run: onceProgram, control: platform },
  'once, in progress': { run: waitingProgram, control: platform },
  'once, encrypted': {
    run: async () => {
      const store = memoryStore();
      const events = [];
      const key = new Uint8Array(32);
      const keys = { a: [{ id: 'a', key }], b: [{ id: 'b', key }] };
      const on = (codec, more) =>
        createOnce({ store, codec, onEvent: (event) => events.push(event), ...more });
      const results = [
        await on(encryptedCodec({ keys: keys.a }))('a', async () => ({ x: 1 })),
        await on(encryptedCodec({ keys: keys.a }))('a', async () => 2),
        await settled(on(encryptedCodec({ keys: keys.b }))('a', async () => 3)),
        await settled(on(undefined)('a', async () => 3)),
        await on(encryptedCodec({ keys: keys.b }), { onUnreadable: 'retry' })('a', async () => 4),
      ];
      return [results, events.map(({ type, decision }) => `${type} ${decision ?? ''}`)];
    },
    control: platform,
  },
  'once, configured': {
    run: async () => {
      const { keyOf, headers, onceOptions } = idempotency({ excludedFields: ['a'] });
      const once = createOnce(onceOptions(memoryStore()));
      const key = keyOf({ a: 1, b: 2 });
      return [headers(key), await once(key, async () => 1), await once(key, async () => 2)];
    },
    control: nothing,
  },
  'fetch, JSON': { run: () => fetched([json], twice), control: platform },
  'fetch, a failure inside a 200': {
    run: () => fetched([() => json('{"error":{"message":"m"}}'), json], twice),
    control: platform,
  },
  'fetch, 500': { run: () => fetched([() => json('{}', 500), json], twice), control: platform },
  'fetch, a stream': { run: () => fetched([sse], twice), control: platform },
  'fetch, a cut stream': {
    run: () => fetched([() => sse(EVENTS.slice(0, 1)), sse], twice),
    control: platform,
  },
  'fetch, over HTTP': {
    run: async () => {
      const url = await upstreamUrl;
      const fetch = idempotentFetch({ store: memoryStore() });
      const answers = [];
      for (const path of ['/v1', '/v1', '/stream', '/stream']) {
        answers.push(await webAnswer(await fetch(url + path, post())));
      }
      await fetch.close();
      return answers;
    },
    control: async () => {
      const url = await upstreamUrl;
      const answers = [await platform()];
      for (const path of ['/v1', '/stream']) {
        answers.push(await webAnswer(await fetch(url + path, post())));
      }
      return answers;
    },
  },
  retry: { run: retryProgram, control: platform },
  'the AI SDK': { run: aiProgram, control: platform },
  batch: { run: batchProgram, control: platform },
  server: {
    run: async () => {
      const handle = async (request) => Response.json(await request.json(), { status: 201 });
      const handler = idempotent(handle, { store: memoryStore() });
      const answers = await webOrders(handler);
      await handler.close();
      return answers;
    },
    control: platform,
  },
  hono: {
    run: async () => {
      const guard = honoIdempotency({ store: memoryStore() });
      const app = hono_(guard);
      const answers = await webOrders((request) => app.fetch(request));
      await guard.close();
      return answers;
    },
    control: async () => [await platform(), await webOrders((request) => hono_().fetch(request))],
  },
  express: {
    run: async () => {
      const guard = expressIdempotency({ store: memoryStore() });
      const answers = await express_(guard)(orders);
      await guard.close();
      return answers;
    },
    control: () => express_()(orders),
  },
  fastify: {
    run: () => fastify_(fastifyIdempotency({ store: memoryStore() }))(orders),
    control: () => fastify_()(orders),
  },
  koa: {
    run: async () => {
      const guard = koaIdempotency({ store: memoryStore() });
      const answers = await koa_(guard)(orders);
      await guard.close();
      return answers;
    },
    control: () => koa_()(orders),
  },
  /** Shows that the test can fail. */
  leak: { run: async () => ({}).leak ?? null, control: nothing },
  'store/memory': { run: () => storeProgram(memoryStore(), 'a'), control: nothing },
};

/** The calls of a store on its client: a connection of its own, opened before anything is polluted. */
const CLIENTS = {
  async redis({ url }) {
    const client = (await import('redis')).createClient({ url });
    await client.connect();
    return async () => [
      await client.set('x', 'a'),
      await client.get('x'),
      await client.eval('return {1, ARGV[1]}', { keys: ['x'], arguments: ['b'] }),
    ];
  },
  async ioredis({ url }) {
    const client = new (await import('ioredis')).Redis(url);
    return async () => [
      await client.set('x', 'a'),
      await client.get('x'),
      await client.eval('return {1, ARGV[1]}', 1, 'x', 'b'),
    ];
  },
  async postgres({ url }) {
    const pool = new (await import('pg')).default.Pool({ connectionString: url, max: 1 });
    const text = 'SELECT $1::text AS text, $2::bytea AS bytes, $3::bigint AS number';
    const values = ['a', Buffer.from('b'), 3];
    return async () => [
      (await pool.query(text, values)).rows,
      (await pool.query({ name: 'prepared', text, values })).rows,
    ];
  },
  async lmdb({ path }) {
    const database = (await import('lmdb')).open({ path: `${path}/control` });
    return async () => {
      const row = ['a', undefined, new Uint8Array(1), ['b', undefined]];
      await database.transaction(() => database.put('x', row));
      return database.get('x')[0];
    };
  },
  async sqlite({ path }) {
    const database = new (await import('libsql')).default(`${path}/control.db`);
    return async () => database.prepare('SELECT ? AS text, ? AS bytes').all('a', Buffer.from('b'));
  },
};

/** Adds the stores whose servers run here: `{ redis: { url } }`. `open` makes new connections. */
export function addStores(places) {
  for (const [kind, place] of Object.entries(places)) {
    SCENARIOS[`store/${kind}`] = {
      async open() {
        const store = await OPEN[kind](place);
        await store.migrate?.();
        const control = await CLIENTS[kind](place);
        return { run: () => storeProgram(store, `key-${process.pid}-${++lastId}`), control };
      },
    };
  }
}
