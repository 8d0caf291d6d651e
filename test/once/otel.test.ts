import { EventEmitter } from 'node:events';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { priceTable, savingIn } from '../../src/cost/cost.js';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { keyOf } from '../../src/index.js';
import { createOnce } from '../../src/once/index.js';
import { telemetry } from '../../src/once/otel.js';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';
import { telemetryInMemory } from './telemetry-in-memory.js';

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

const KEY = keyOf({ order: 9 });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function setUp() {
  const { onEvent, observe, ...inMemory } = telemetryInMemory();
  const store = memoryStore();
  const once = observe(createOnce({ store, onEvent }));
  return { once, store, telemetry: onEvent, observe, ...inMemory };
}

it('counts calls by outcome and layer, what is in flight and the ratio of hits', async () => {
  const { once, points, durations } = setUp();
  const call = () => sleep(20).then(() => 1);
  const all = [once(KEY, call), once(KEY, call), once(KEY, call)];
  expect(await points('in_flight')).toEqual([{ value: 3 }]);
  await Promise.all(all);
  await once(KEY, call);
  const failing = () => {
    throw new Error('429');
  };
  await expect(once(keyOf(1), failing)).rejects.toThrow('429');
  expect(await points('calls')).toEqual(
    expect.arrayContaining([
      { outcome: 'executed', layer: 'process', value: 1 },
      { outcome: 'joined', layer: 'process', value: 2 },
      { outcome: 'replayed', layer: 'process', value: 1 },
      { outcome: 'failed', layer: 'process', value: 1 },
    ]),
  );
  expect(await points('in_flight')).toEqual([{ value: 0 }]);
  expect(await points('hit_ratio')).toEqual([{ value: 0.75 }]);
  const duplicates = { 'joined process': 2, 'replayed process': 1 };
  const ofCalls = { 'executed process': 1, 'failed process': 1, ...duplicates };
  expect(await durations('call.duration')).toEqual(ofCalls);
  expect(await durations('run.duration')).toEqual({ executed: 1, failed: 1 });
  expect(await durations('saved.duration')).toEqual(duplicates);
});

it('counts what goes wrong', async () => {
  const { once, store, points } = setUp();
  await once(KEY, async () => {
    await store.release(KEY, (await store.read(KEY)).record?.owner as string);
    await store.claim(KEY, {
      owner: 'crashed',
      leaseMs: 1,
      ttlMs: 60_000,
      fingerprint: undefined,
      takeUnknown: false,
      takeFinished: false,
    });
  }).catch(() => {});
  await sleep(5);
  await once(KEY, () => 1);
  const owner = (await store.read(KEY)).record?.owner as string;
  await once.evict(KEY);
  const claim = { leaseMs: 1000, ttlMs: 60_000, fingerprint: undefined };
  await store.claim(KEY, { owner, ...claim, takeUnknown: false, takeFinished: false });
  const damaged = { state: 'done', codec: 'of nobody', payload: new Uint8Array() } as const;
  await store.complete(KEY, owner, { ...damaged, ttlMs: 60_000 });
  await once(KEY, () => 1).catch(() => {});
  expect(await points('unreadable_results')).toEqual([{ decision: 'hold', value: 1 }]);
  expect(await points('lease_losses')).toEqual([{ value: 1 }]);
  expect(await points('unknown_outcomes')).toEqual([{ decision: 'retry', value: 1 }]);
  expect(await points('evictions')).toEqual([{ value: 1 }]);
});

it('counts requests that a limit refuses, by limit and without their account', async () => {
  const { store, telemetry: onEvent, points, observe, spans } = setUp();
  const answer = async () => Response.json({ made: true });
  const limits = { keysPerMinute: 1 };
  const fetch = observe(idempotentFetch({ store, onEvent, limits, fetch: answer }));
  const post = (body: string) =>
    fetch('https://api.example/', { method: 'POST', body, headers: { 'x-api-key': 'secret' } });
  await post('{"item":1}');
  await expect(post('{"item":2}')).rejects.toMatchObject({ code: 'SAMEKEY_LIMIT' });
  expect(await points('calls')).toContainEqual({
    outcome: 'limited',
    layer: 'process',
    'samekey.limit': 'keysPerMinute',
    value: 1,
  });
  const attributes = spans().at(-1)?.attributes;
  expect(attributes).toMatchObject({
    'samekey.limit': 'keysPerMinute',
    'error.type': 'SAMEKEY_LIMIT',
  });
});

it('counts what duplicates saved, in tokens and in money', async () => {
  const { points, telemetry: onEvent } = setUp();
  const prices = priceTable({
    prices: { m: { inputPerMillion: 1e6, outputPerMillion: 2e6 } },
    currency: 'EUR',
  });
  const once = createOnce({
    store: memoryStore(),
    onEvent,
    savingOf: (answer: unknown) => savingIn(answer, prices),
  });
  const usage = { input_tokens: 10, output_tokens: 3 };
  for (let i = 0; i < 3; i++) await once(keyOf('m'), () => ({ model: 'm', usage }));
  for (let i = 0; i < 2; i++) await once(keyOf('n'), () => ({ model: 'n', usage }));
  for (let i = 0; i < 2; i++) await once(keyOf('no usage'), () => ({ model: 'm' }));
  const of = (model: string) => ({ outcome: 'replayed', 'gen_ai.response.model': model });
  expect(await points('saved_tokens')).toEqual([
    { 'gen_ai.token.type': 'input', ...of('m'), value: 20 },
    { 'gen_ai.token.type': 'output', ...of('m'), value: 6 },
    { 'gen_ai.token.type': 'input', ...of('n'), value: 10 },
    { 'gen_ai.token.type': 'output', ...of('n'), value: 3 },
  ]);
  expect(await points('saved_cost')).toEqual([{ ...of('m'), currency: 'EUR', value: 32 }]);
});

it('makes a span of each call, linked to the one it joined, and a child of the one around it', async () => {
  const { once, spans, tracer } = setUp();
  let inner: string | undefined;
  const around = tracer.startSpan('request');
  await context.with(trace.setSpan(context.active(), around), () =>
    Promise.all([
      once(KEY, async () => {
        inner = trace.getActiveSpan()?.spanContext().spanId;
        await sleep(5);
      }),
      once(KEY, () => {}),
    ]),
  );
  around.end();
  const [first, second] = spans().filter(({ name }) => name === 'samekey.once');
  expect(first?.attributes).toMatchObject({
    'samekey.key': KEY,
    'samekey.outcome': 'executed',
    'samekey.attempt': 1,
  });
  expect(first?.spanContext().spanId).toBe(inner);
  expect(first?.parentSpanContext?.spanId).toBe(around.spanContext().spanId);
  expect(second?.attributes['samekey.outcome']).toBe('joined');
  expect(second?.links.map(({ context }) => context.spanId)).toEqual([inner]);
});

it('says in the span what failed', async () => {
  const { once, spans } = setUp();
  const failing = () => {
    throw new Error('429');
  };
  await expect(once(KEY, failing)).rejects.toThrow('429');
  expect(spans()[0]).toMatchObject({ status: { code: 2, message: '429' } });
});

it('does its work where no provider is registered', async () => {
  const { onEvent, observe } = telemetry();
  const once = observe(createOnce({ store: memoryStore(), onEvent }));
  expect(await Promise.all([once(KEY, () => 1), once(KEY, () => 1)])).toEqual([1, 1]);
  expect(once.stats()).toMatchObject({ executed: 1, joined: 1 });
});

it('observes a fetch: a span for each request, which it carries, with its outcome', async () => {
  const { tracer, spans, points } = setUp();
  const { onEvent, observe } = telemetry({ tracer });
  const sent: (string | null)[] = [];
  const provider = async (_: unknown, init?: RequestInit) => {
    sent.push(new Headers(init?.headers).get('traceparent'));
    return Response.json({});
  };
  const fetch = observe(idempotentFetch({ store: memoryStore(), fetch: provider, onEvent }));
  const ask = () => fetch('https://api.example/', { method: 'POST', body: '{}' });
  for (let turn = 0; turn < 2; turn++) await (await ask()).text();
  await expect(
    fetch('https://api.example/', { method: 'POST', headers: { 'idempotency-key': 'null' } }),
  ).rejects.toThrow();
  const all = spans().filter(({ name }) => name === 'samekey.request');
  expect(all.map(({ attributes }) => attributes['samekey.outcome'])).toEqual([
    'executed',
    'replayed',
    undefined,
  ]);
  const { traceId, spanId } = all[0]?.spanContext() ?? {};
  expect(sent).toEqual([`00-${traceId}-${spanId}-01`]);
  expect(all[2]?.status.message).toMatch(/Idempotency-Key/);
  expect(fetch.stats()).toMatchObject({ executed: 1, replayed: 1 });
  expect(await points('in_flight')).toEqual([]);
});

it('observes a middleware of Node.js until its response is closed', async () => {
  const { tracer, spans } = setUp();
  const { onEvent, observe } = telemetry({ tracer });
  const middleware = observe(expressIdempotency({ store: memoryStore(), onEvent }));
  const response = new EventEmitter();
  let passed = 0;
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  middleware(
    { method: 'GET', headers: { traceparent } } as never,
    response as never,
    () => passed++,
  );
  expect([passed, spans().length]).toEqual([1, 0]);
  response.emit('close');
  expect(spans().map((span) => span.spanContext().traceId)).toEqual(['a'.repeat(32)]);
});

it.each(['closed', 'destroyed'])(
  'observes a middleware whose response was %s before: its client had left',
  (state) => {
    const { tracer, spans } = setUp();
    const { onEvent, observe } = telemetry({ tracer });
    const middleware = observe(expressIdempotency({ store: memoryStore(), onEvent }));
    const response = Object.assign(new EventEmitter(), { [state]: true });
    middleware({ method: 'GET', headers: {} } as never, response as never, () => {});
    expect(spans().map(({ name }) => name)).toEqual(['samekey.request']);
  },
);
