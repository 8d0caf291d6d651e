import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { APICallError, generateText, streamText } from 'ai';
import { describe, expect, it } from 'vitest';
import { idempotencyMiddleware } from '../../src/ai-sdk/ai-sdk.js';
import { encryptedCodec } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { StoreEntry } from '../../src/store/store.js';
import { plainStore } from '../store/plain-store.js';
import { request } from '../store/requests.js';
import { collect, FINISH, modelOf, outcomeOf, type Part, partsOf, read, setUp } from './models.js';

describe('the option codec', () => {
  it('encrypts the answer of a model, whole or streamed', async () => {
    const store = memoryStore();
    const codec = encryptedCodec({ keys: [{ id: 'a', key: new Uint8Array(32) }] });
    const { provider, model } = await setUp('openai.chat', {}, { store, codec });
    const ask = () => generateText({ model, prompt: 'Hello', maxRetries: 0 });
    const first = await ask();
    const stream = await read(streamText({ model, prompt: 'Hello' }));
    const payloads = async () => {
      const found: string[] = [];
      for await (const { record } of store.list?.() ?? []) {
        if (record.codec === 'encrypted') {
          found.push(Buffer.from(record.payload ?? []).toString('latin1'));
        }
      }
      return found;
    };
    await expect.poll(payloads).toHaveLength(2);
    for (const payload of await payloads()) {
      expect(payload).not.toMatch(/http-response|finish|usage|text/);
      expect(payload).not.toContain(first.text);
    }
    expect((await ask()).text).toBe(first.text);
    expect((await read(streamText({ model, prompt: 'Hello' }))).text).toBe(stream.text);
    expect(provider.billedCount()).toBe(2);
  });
});

describe('a result of another program under the key of a call', () => {
  it.each([
    ['json', '{"status":200,"statusText":"","headers":[],"url":"","body":[1]}'],
    ['rich', '[{"status":1,"headers":2},200,[]]'],
    ['http-response', 'not one'],
  ])('of the codec %s is no answer', async (codec, text) => {
    const store = memoryStore();
    const { provider, model } = await setUp('openai.chat', {}, { store, cache: false });
    const ask = () => generateText({ model, prompt: 'Hello', maxRetries: 0 });
    await ask();
    let found: StoreEntry | undefined;
    for await (const entry of store.list?.() ?? []) found = entry;
    const { key, record } = found as StoreEntry;
    const { fingerprint } = record;
    await store.evict(key);
    await store.claim(key, request('x', { fingerprint }));
    const payload = Buffer.from(text);
    await store.complete(key, 'x', { state: 'done', codec, payload, ttlMs: 60_000 });
    await expect(ask()).rejects.toMatchObject({ code: 'SAMEKEY_UNREADABLE' });
    expect(provider.billedCount()).toBe(1);
  });
});

describe('a caller', () => {
  it('that aborts does not end the call: its retry joins it', async () => {
    const { provider, model } = await setUp('openai.chat', { moods: ['late:200'] });
    const ask = (abortSignal?: AbortSignal) =>
      generateText({ model, prompt: 'Hello', maxRetries: 0, ...(abortSignal && { abortSignal }) });
    await expect(ask(AbortSignal.timeout(50))).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(outcomeOf((await ask()).providerMetadata)).toBe('joined');
    expect(provider.billedCount()).toBe(1);
  });

  it('that leaves a stream does not end it for the others, nor for who comes later', async () => {
    const { provider, model } = await setUp('anthropic.messages', { moods: ['slow-stream:20'] });
    const leaving = new AbortController();
    const stream = (signal?: AbortSignal) =>
      streamText({ model, prompt: 'Hello', ...(signal && { abortSignal: signal }) });
    const left = stream(leaving.signal);
    const stays = read(stream());
    for await (const part of left.fullStream) if (part.type === 'text-delta') leaving.abort();
    const whole = await stays;
    expect(whole.types).toContain('finish');
    expect(await read(stream())).toEqual({ ...whole, outcome: 'replayed' });
    expect(provider.billedCount()).toBe(1);
  });

  it("that is the last ends it by onAbandoned: 'abort'", async () => {
    const hung: AbortSignal[] = [];
    const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore(), onAbandoned: 'abort' });
    const model = {
      provider: 'p',
      modelId: 'm',
      doGenerate: ({ abortSignal }: { abortSignal?: AbortSignal }) => {
        hung.push(abortSignal as AbortSignal);
        return new Promise<{ content: never[] }>((_, reject) => {
          abortSignal?.addEventListener('abort', () => reject(abortSignal.reason));
        });
      },
      doStream: () => Promise.reject(new Error('not asked for')),
    };
    const params = { abortSignal: AbortSignal.timeout(20) };
    await expect(wrapGenerate({ params, model })).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect.poll(() => hung[0]?.aborted).toBe(true);
  });

  it('gets each part in the turn in which it comes, also if it came second', async () => {
    const { wrapStream } = idempotencyMiddleware({ store: memoryStore() });
    let source: ReadableStreamDefaultController<Part> | undefined;
    const model = modelOf(
      new ReadableStream<Part>({
        start(controller) {
          source = controller;
        },
      }),
    );
    const params = { prompt: [] };
    const readers = await Promise.all(
      [1, 2].map(async () => (await wrapStream({ params, model })).stream.getReader()),
    );
    for (const delta of ['a', 'b', 'c']) {
      const reads = readers.map((reader) => reader.read());
      source?.enqueue({ type: 'text-delta', id: '0', delta });
      const turn = new Promise((resolve) => setImmediate(resolve));
      const got = await Promise.race([Promise.all(reads), turn]);
      expect(got).toMatchObject([{ value: { delta } }, { value: { delta } }]);
    }
  });
});

describe('what is kept', () => {
  const params = { prompt: [] };

  it('is everything that parts may hold, and of the response no cookies', async () => {
    const rich = {
      type: 'file',
      mediaType: 'image/png',
      data: new Uint8Array([0, 10, 255]),
      url: new URL('https://example.com/a?b'),
      at: new Date(7),
      big: 2n,
      none: undefined,
      text: 'line\nfeed \u2028 \ud800',
    };
    const { wrapStream } = idempotencyMiddleware({ store: memoryStore(), cache: false });
    const model = modelOf(() => partsOf(rich, FINISH));
    const first = await wrapStream({ params, model });
    const [part, finish] = await collect(first.stream);
    expect(part).toEqual(rich);
    expect(finish).toMatchObject({
      ...FINISH,
      providerMetadata: { samekey: { outcome: 'executed' } },
    });
    expect(first.request).toEqual({ body: 'sent' });
    expect(first.response).toEqual({ headers: { 'x-request-id': '7', 'content-length': '3' } });
    const later = await wrapStream({ params, model });
    expect((await collect(later.stream))[0]).toEqual(rich);
    expect(later.request).toBeUndefined();
    expect(later.response).toEqual(first.response);
  });

  it.each([
    [
      'an error part',
      [
        {
          type: 'error',
          error: new APICallError({ message: 'no', url: 'u', requestBodyValues: {} }),
        },
        FINISH,
      ],
    ],
    ['an error part that is text', [{ type: 'error', error: 'no' }, FINISH]],
    ['no finish', [{ type: 'text-delta', id: '0', delta: 'a' }]],
    ['a part that cannot be written', [{ type: 'raw', rawValue: () => 1 }, FINISH]],
    ...['error', 'interrupted', 'other'].map((unified) => [
      `the finish reason ${unified}`,
      [{ type: 'finish', finishReason: { unified, raw: undefined } }],
    ]),
    ['the finish reason unknown of version 2', [{ type: 'finish', finishReason: 'unknown' }]],
    ['no finish reason', [{ type: 'finish' }]],
  ] as [string, Part[]][])(
    'is no stream with %s, but all who read along get it',
    async (_, parts) => {
      const store = memoryStore();
      const { wrapStream, stats } = idempotencyMiddleware({ store });
      const model = modelOf(() => partsOf(...parts));
      const ask = async () => collect((await wrapStream({ params, model })).stream);
      const both = await Promise.all([ask(), ask()]);
      for (const got of both) {
        const withoutMark = got.map(({ providerMetadata: _, ...part }) => part);
        expect(withoutMark).toEqual(parts);
        // The very error, of whose class callers make a point.
        expect(withoutMark[0]?.error).toBe(parts[0]?.error);
      }
      expect(stats()).toMatchObject({ executed: 0, failed: 1, joined: 1 });
      await ask();
      expect(stats()).toMatchObject({ failed: 2 });
    },
  );

  it.each([
    [{ unified: 'error', raw: 'error' }, 2],
    [{ unified: 'other', raw: 'insufficient_system_resource' }, 2],
    ['error', 2],
    [{ unified: 'stop', raw: 'stop' }, 1],
    [{ unified: 'other', raw: undefined }, 1],
  ])('a whole answer with the finish reason %j', async (finishReason, count) => {
    const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore() });
    let calls = 0;
    const model = {
      provider: 'p',
      modelId: 'm',
      doGenerate: async () => ({ content: [], finishReason, call: ++calls }),
      doStream: () => Promise.reject(new Error('not asked for')),
    };
    for (let turn = 0; turn < 2; turn++) {
      expect(await wrapGenerate({ params: {}, model })).toMatchObject({ finishReason });
    }
    expect(calls).toBe(count);
  });

  it('refuses a call inside the same call', async () => {
    const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore() });
    const model = {
      provider: 'p',
      modelId: 'm',
      doGenerate: async (): Promise<object> => wrapGenerate({ params: {}, model }),
      doStream: () => Promise.reject(new Error('not asked for')),
    };
    await expect(wrapGenerate({ params: {}, model })).rejects.toMatchObject({
      code: 'SAMEKEY_DEADLOCK',
    });
  });

  it('gives all who wait a whole answer that is too long to be kept', async () => {
    const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore(), maxResultBytes: 1000 });
    let count = 0;
    const model = {
      provider: 'p',
      modelId: 'm',
      doGenerate: async () => ({ content: ['\u00e9'.repeat(3_000_000), ++count] }),
      doStream: () => Promise.reject(new Error('not asked for')),
    };
    const ask = async () => {
      const { content } = await wrapGenerate({ params: {}, model });
      return [(content[0] as string).length, content[1]];
    };
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(Array(3).fill([3_000_000, 1]));
    expect(await ask()).toEqual([3_000_000, 2]);
  });

  it('gives who reads slowly all of what cannot be written, and holds nothing of it for longer', async () => {
    const { wrapStream } = idempotencyMiddleware({ store: memoryStore() });
    const readBoth = async () => {
      const parts = Array.from({ length: 3000 }, (_, at) => ({ type: 'raw', rawValue: () => at }));
      const model = modelOf(() => partsOf(...parts, FINISH));
      const begin = async () => (await wrapStream({ params, model })).stream;
      const [first, second] = await Promise.all([begin(), begin()]);
      // All of it has come when the first has read it.
      const read = [await collect(first), await collect(second)];
      const sums = read.map((got) =>
        got.slice(0, 3000).reduce((sum, { rawValue }) => sum + (rawValue as () => number)(), 0),
      );
      return { sums, seen: new WeakRef(parts[0]?.rawValue as object) };
    };
    const { sums, seen } = await readBoth();
    expect(sums).toEqual([4498500, 4498500]);
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await expect
      .poll(() => {
        collectGarbage();
        // Not itself: this test would hold it.
        return seen.deref() === undefined;
      })
      .toBe(true);
  });

  it('is no stream that breaks: all get its parts and its error', async () => {
    const broken = new Error('socket hang up');
    const { wrapStream } = idempotencyMiddleware({ store: memoryStore() });
    const model = modelOf(() => {
      const parts = [{ type: 'text-delta', id: '0', delta: 'a' }];
      return new ReadableStream<Part>(
        {
          pull(controller) {
            const part = parts.shift();
            if (part) controller.enqueue(part);
            else controller.error(broken);
          },
        },
        { highWaterMark: 0 },
      );
    });
    const ask = async () => {
      const reader = (await wrapStream({ params, model })).stream.getReader();
      const first = await reader.read();
      return [first.value?.delta, await reader.read().catch((error) => error)];
    };
    expect(await Promise.all([ask(), ask()])).toEqual([
      ['a', broken],
      ['a', broken],
    ]);
    expect(await ask()).toEqual(['a', broken]);
  });

  it('is in the store when an answer ends, so that the process may end, too', async () => {
    const store = plainStore(Date.now);
    const slow = {
      ...store,
      complete: async (...given: Parameters<typeof store.complete>) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return store.complete(...given);
      },
    };
    const { wrapStream, wrapGenerate } = idempotencyMiddleware({ store: slow });
    const { stream } = await wrapStream({ params, model: modelOf(() => partsOf(FINISH)) });
    const [finish] = await collect(stream);
    const model = { ...modelOf(partsOf()), doGenerate: async () => ({ content: [] }) };
    const whole: { content: unknown; providerMetadata?: unknown } = await wrapGenerate({
      params,
      model,
    });
    for (const { providerMetadata } of [finish, whole] as { providerMetadata?: unknown }[]) {
      const { key } = (providerMetadata as { samekey: { key: string } }).samekey;
      expect((await store.read(key)).record?.state).toBe('done');
    }
  });

  it('is nothing over maxResultBytes, which callers get all the same', async () => {
    const { provider, model } = await setUp('openai.chat', {}, { maxResultBytes: 50 });
    const ask = async () => (await generateText({ model, prompt: 'Hello' })).text;
    expect(await ask()).not.toBe('');
    expect(await ask()).not.toBe('');
    expect(provider.billedCount()).toBe(2);
  });

  it('tells what a duplicate saved', async () => {
    const { model, events } = await setUp(
      'anthropic.messages',
      {},
      { prices: { 'claude-*': { inputPerMillion: 3, outputPerMillion: 15 } }, currency: 'USD' },
    );
    const { usage } = await generateText({ model, prompt: 'Hello' });
    await generateText({ model, prompt: 'Hello' });
    await read(streamText({ model, prompt: 'Hello' }));
    await read(streamText({ model, prompt: 'Hello' }));
    const { inputTokens = 0, outputTokens = 0 } = usage;
    const cost = (inputTokens * 3 + outputTokens * 15) / 1e6;
    const saved = { inputTokens, outputTokens, model: 'claude-sonnet-4-5', cost, currency: 'USD' };
    expect(events.filter(({ type }) => type === 'replayed')).toMatchObject([{ saved }, { saved }]);
  });
});

describe('a call that failed', () => {
  it.each([
    ['lose', 'SAMEKEY_UNKNOWN_OUTCOME'],
    ['cut', 'SAMEKEY_UNKNOWN_OUTCOME'],
    ['500', undefined],
    ['429:1', undefined],
  ])('as %s is known to have done nothing, or held back: %s', async (mood, code) => {
    const { model } = await setUp('openai.chat', { moods: [mood] }, { onUnknown: 'hold' });
    const ask = () => generateText({ model, prompt: 'Hello', maxRetries: 0 });
    await expect(ask()).rejects.toMatchObject({ name: 'AI_APICallError' });
    if (code === undefined) expect((await ask()).text).not.toBe('');
    else await expect(ask()).rejects.toMatchObject({ code });
  });

  it('before anything was sent is made again', async () => {
    const { model, provider } = await setUp('openai.chat', {}, { onUnknown: 'hold' });
    await provider.stop();
    const ask = () => generateText({ model, prompt: 'Hello', maxRetries: 0 });
    for (let i = 0; i < 2; i++) {
      await expect(ask()).rejects.toMatchObject({ name: 'AI_APICallError' });
    }
  });
});
