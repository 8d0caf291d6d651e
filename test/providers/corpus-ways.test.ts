import type { AddressInfo } from 'node:net';
import { wrapLanguageModel } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idempotencyMiddleware } from '../../src/ai-sdk/ai-sdk.js';
import { planBatch, recordResults } from '../../src/batch/batch.js';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { createLog, createProxy, upstreamAddress } from '../../src/proxy/proxy.js';
import { memoryStore } from '../../src/store/memory.js';
import { type Dialect, modelAt } from '../ai-sdk/models.js';
import { deep } from '../depth.js';
import {
  askTwice,
  chunkByChunk,
  readWith,
  requestOf,
  type ShapeServer,
  startShapeServer,
} from './corpus/scene.js';
import { bytesOf, chunksOf, isStream, type Shape, shapes } from './corpus/shapes.js';

let server: ShapeServer;

beforeAll(async () => {
  server = await startShapeServer();
});

afterAll(() => server.stop());

/** Those that showed a fault are always in the sample. */
const ALWAYS = ['bad-sse-empty', 'bad-json-empty-chunked', 'gem-sse-unspecified', 'ant-sse-ping'];

const named = (list: readonly Shape[]) =>
  list
    .filter(({ id }, at) => ALWAYS.includes(id) || at % deep(25, 1) === 0)
    .map((shape) => [shape.id, shape.verdict, shape] as const);

describe('without a length', () => {
  // Only the length says that these are empty on purpose.
  const ONLY_WITH_LENGTH = ['any-200-empty-json-length-0', 'any-json-space-length'];
  const withLength = shapes.filter(
    ({ body, id }) => !Array.isArray(body) && !ONLY_WITH_LENGTH.includes(id),
  );
  it.each(named(withLength))('%s is %s', async (_id, verdict, shape) => {
    server.serve(shape, true);
    const { first, ...seen } = await askTwice(shape, server.origin);
    expect(seen.verdict).toBe(verdict);
    expect(server.askCount).toBe(verdict === 'complete' && shape.status < 300 ? 1 : 2);
    expect(first.bytes.equals(bytesOf(shape))).toBe(true);
  });
});

describe('through the proxy', () => {
  async function startProxy() {
    const proxy = createProxy({
      upstream: upstreamAddress(server.origin),
      once: { store: memoryStore(), providerState: 'store' },
      passedPaths: [],
      maxHeldBytes: 2 ** 28,
      maxSpilledBytes: 0,
      maxBodyBytes: 1e6,
      idleMs: 60_000,
      isLoopback: true,
      hasMetricsPort: false,
      log: createLog('silent'),
    });
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.server.address() as AddressInfo;
    return { origin: `http://127.0.0.1:${port}`, proxy };
  }

  it.each(named(shapes))('%s (%s)', async (_id, verdict, shape) => {
    server.serve(shape);
    const plain = await readWith(fetch, shape, server.origin);
    const { origin, proxy } = await startProxy();
    try {
      server.serve(shape);
      const first = await readWith(fetch, shape, origin);
      const second = await readWith(fetch, shape, origin);
      expect(server.askCount).toBe(verdict === 'complete' && shape.status < 300 ? 1 : 2);
      for (const seen of [first, second]) {
        expect(seen.status).toBe(plain.status);
        expect(seen.headers['content-type']).toBe(plain.headers['content-type']);
        expect(seen.bytes.equals(plain.bytes)).toBe(true);
        // A client of the proxy sees a broken response as a connection that broke, but not if all
        // bytes came that the head has promised.
        const isWhole = plain.headers['content-length'] !== undefined;
        expect(seen.error !== undefined).toBe(verdict === 'broken' && !isWhole);
      }
    } finally {
      proxy.server.close();
      proxy.cut();
    }
  });
});

describe('a failure', () => {
  const failures = shapes.filter(({ verdict, status }) => verdict === 'failed' && status < 300);
  it.each(named(failures))('%s is not joined while it is held open', async (_id, _v, shape) => {
    const held = chunkByChunk(shape, chunksOf(shape));
    const guarded = idempotentFetch({ store: memoryStore(), fetch: held.fetch });
    try {
      const init = requestOf(shape);
      const first = await guarded(`http://upstream.test${shape.path}`, init);
      const reader = (first.body as ReadableStream<Uint8Array>).getReader();
      for (let length = 0; length < bytesOf(shape).length; ) {
        length += (await reader.read()).value?.length ?? Number.POSITIVE_INFINITY;
      }
      expect(held.askCount).toBe(1);
      await (await guarded(`http://upstream.test${shape.path}`, init)).body?.cancel();
      expect(held.askCount).toBe(2);
      await reader.cancel();
    } finally {
      held.end();
      await guarded.close();
    }
  });
});

function isObject(text: string): boolean {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

describe('as the result of a request in a batch', () => {
  const documents = shapes.filter(
    ({ body, status, contentType }) =>
      status < 300 &&
      contentType !== 'application/vnd.amazon.eventstream' &&
      typeof body === 'string' &&
      isObject(body),
  );
  it.each(named(documents))('%s (%s)', async (_id, verdict, shape) => {
    const store = memoryStore();
    const request = { custom_id: 'a', url: '/v1/responses', body: { model: 'm', input: 'x' } };
    const { batches } = await planBatch([request], { store, provider: 'openai' });
    const custom_id = batches[0]?.items[0]?.customId;
    const body = JSON.parse(String(shape.body));
    const line = { custom_id, response: { status_code: 200, body }, error: null };
    const { stored, released } = await recordResults([line], { store });
    expect([stored, released]).toEqual(verdict === 'complete' ? [1, 0] : [0, 1]);
  });
});

/** The AI SDK does not hand on what shows that these are no answers: an error of Groq, a second choice, a status. */
const HIDDEN = [
  'groq-sse-x_groq-error-done',
  'oai-chat-sse-n2-one-open',
  'oai-resp-json-cancelled',
];

describe('under the AI SDK', () => {
  const dialectOf = ({ path, provider }: Shape): Dialect | undefined => {
    if (/\/chat\/completions/.test(path)) return 'openai.chat';
    if (/\/v1\/responses$/.test(path)) return 'openai.responses';
    return path === '/v1/messages' && provider === 'anthropic' ? 'anthropic.messages' : undefined;
  };
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }];
  type Model = ReturnType<typeof modelAt>;
  type Part = { type: string; finishReason?: { unified: string; raw?: unknown } };
  const isEnd = (reason: Part['finishReason']) =>
    reason?.raw !== undefined || reason?.unified === 'stop';

  /** All that a caller sees of an answer. */
  async function answerOf(model: Model, shape: Shape) {
    try {
      if (!isStream(shape)) {
        const { content, finishReason } = await model.doGenerate({ prompt });
        return { parts: [{ content, finishReason }], hasEnd: true, error: undefined };
      }
      let hasEnd = false;
      const parts: unknown[] = [];
      const { stream } = await model.doStream({ prompt });
      for await (const part of stream as unknown as AsyncIterable<Part>) {
        if (part.type === 'error') return { parts, hasEnd, error: 'error' };
        if (part.type === 'finish') hasEnd = isEnd(part.finishReason);
        parts.push(part.type === 'finish' ? part.type : part);
      }
      return { parts, hasEnd, error: undefined };
    } catch (error) {
      return { parts: [], hasEnd: false, error: String(error) };
    }
  }

  it.each(
    named(shapes.filter((shape) => dialectOf(shape) !== undefined && !HIDDEN.includes(shape.id))),
  )('%s (%s)', async (_id, verdict, shape) => {
    server.serve(shape);
    const model = modelAt(server.origin, dialectOf(shape) as Dialect);
    const plain = await answerOf(model, shape);
    server.serve(shape);
    const middleware = idempotencyMiddleware({ store: memoryStore() });
    const guarded = wrapLanguageModel({ model, middleware }) as Model;
    const first = await answerOf(guarded, shape);
    await answerOf(guarded, shape);
    // The SDK drops a last event without its empty line.
    const isAnswer = verdict === 'complete' && plain.error === undefined && plain.hasEnd;
    expect(server.askCount).toBe(isAnswer ? 1 : 2);
    if (verdict === 'broken') return;
    expect(first.error).toBe(plain.error);
    expect(JSON.stringify(first.parts)).toBe(JSON.stringify(plain.parts));
  });
});
