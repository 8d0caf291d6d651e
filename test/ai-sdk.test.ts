import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import type { LanguageModelV4, LanguageModelV4Middleware } from '@ai-sdk/provider';
import { APICallError, generateText, isStepCount, streamText, tool, wrapLanguageModel } from 'ai';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
// @ts-expect-error It is plain JavaScript.
import { startProvider } from '../examples/provider/provider.mjs';
import { type IdempotencyMiddlewareOptions, idempotencyMiddleware } from '../src/http/ai-sdk.js';
import type { OnceEvent } from '../src/once/index.js';
import { memoryStore } from '../src/store/memory.js';

interface Provider {
  readonly url: string;
  readonly requests: readonly { readonly body: string; readonly headers: object }[];
  billedCount(): number;
  stop(): Promise<void>;
}

const providers: Provider[] = [];
afterEach(async () => {
  await Promise.all(providers.splice(0).map((provider) => provider.stop()));
});

type Dialect = 'openai.responses' | 'openai.chat' | 'anthropic.messages';
const DIALECTS: readonly Dialect[] = ['openai.responses', 'openai.chat', 'anthropic.messages'];

function modelAt(url: string, dialect: Dialect): LanguageModelV4 {
  if (dialect === 'anthropic.messages') {
    return createAnthropic({ baseURL: `${url}/v1`, apiKey: 'a' })('claude-sonnet-4-5');
  }
  const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'a' });
  return dialect === 'openai.chat' ? openai.chat('gpt-5') : openai.responses('gpt-5');
}

/** A model behind the middleware, and who is billed for. */
async function setUp(
  dialect: Dialect,
  provided: object = {},
  options: Partial<IdempotencyMiddlewareOptions> = {},
) {
  const provider: Provider = await startProvider(provided);
  providers.push(provider);
  const events: OnceEvent[] = [];
  const middleware = idempotencyMiddleware({
    store: memoryStore(),
    onEvent: (event) => events.push(event),
    ...options,
  });
  const model = wrapLanguageModel({ model: modelAt(provider.url, dialect), middleware });
  return { provider, middleware, model, events };
}

const outcomeOf = (metadata: Record<string, Record<string, unknown>> | undefined) =>
  metadata?.samekey?.outcome;

/** All that a caller of `streamText` reads. */
async function read(result: {
  readonly fullStream: AsyncIterable<{ type: string; text?: string; error?: unknown }>;
  readonly usage: PromiseLike<{ outputTokens: number | undefined }>;
  readonly providerMetadata: PromiseLike<Parameters<typeof outcomeOf>[0]>;
}) {
  let text = '';
  const types: string[] = [];
  for await (const part of result.fullStream) {
    types.push(part.type);
    if (part.type === 'text-delta') text += part.text;
    if (part.type === 'error') throw part.error;
  }
  const { outputTokens } = await result.usage;
  return { text, types, outputTokens, outcome: outcomeOf(await result.providerMetadata) };
}

describe.each(DIALECTS)('%s', (dialect) => {
  it('is asked once by generateText, at the same time and later', async () => {
    const { provider, model, events } = await setUp(dialect, { workMs: 30 });
    const ask = () => generateText({ model, prompt: 'Say hello' });
    const first = await Promise.all([ask(), ask(), ask()]);
    const later = await ask();
    const texts = [...first, later].map(({ text }) => text);
    expect(texts[0]).not.toBe('');
    expect(new Set(texts).size).toBe(1);
    expect(provider.billedCount()).toBe(1);
    expect([...first, later].map((each) => outcomeOf(each.providerMetadata))).toEqual([
      'executed',
      'joined',
      'joined',
      'replayed',
    ]);
    expect(later.usage).toEqual(first[0]?.usage);
    expect(later.response.id).toBe(first[0]?.response.id);
    if (dialect !== 'anthropic.messages') {
      expect(later.response.timestamp).toEqual(first[0]?.response.timestamp);
    }
    expect(events.map(({ type }) => type).sort()).toEqual([
      'executed',
      'joined',
      'joined',
      'replayed',
    ]);
  });

  it('is asked once by streamText, at the same time and later', async () => {
    const { provider, model } = await setUp(dialect, { moods: ['slow-stream:10'] });
    const ask = () => read(streamText({ model, prompt: 'Say hello' }));
    const first = await Promise.all([ask(), ask()]);
    const later = await ask();
    expect(first[0]?.text).not.toBe('');
    expect(first[1]).toEqual({ ...first[0], outcome: 'joined' });
    expect(later).toEqual({ ...first[0], outcome: 'replayed' });
    expect(first[0]?.outputTokens).toBeGreaterThan(0);
    expect(provider.billedCount()).toBe(1);
  });

  it('is asked once at each step of a loop with tools, and the tools run again', async () => {
    const { provider, model } = await setUp(dialect);
    let toolCalls = 0;
    const weather = tool({
      description: 'The weather in a city',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => {
        toolCalls++;
        return `sunny in ${city}`;
      },
    });
    const asked = {
      model,
      prompt: 'How is the weather?',
      tools: { weather },
      stopWhen: isStepCount(3),
    };
    const first = await generateText(asked);
    expect(first.steps.length).toBe(2);
    expect(toolCalls).toBe(1);
    const again = await generateText(asked);
    expect(again.text).toBe(first.text);
    expect(provider.billedCount()).toBe(2);
    const streamed = await read(streamText(asked));
    expect(streamed.text).not.toBe('');
    expect(await read(streamText(asked))).toMatchObject({ text: streamed.text });
    expect(provider.billedCount()).toBe(4);
    expect(toolCalls).toBe(4);
  });

  it('is asked again by the SDK when it failed, and billed once', async () => {
    const { provider, model, events } = await setUp(dialect, { moods: ['429:1', '500'] });
    const ask = () => generateText({ model, prompt: 'Say hello', maxRetries: 3 });
    const [a, b] = await Promise.all([ask(), ask()]);
    expect(a?.text).toBe(b?.text);
    expect(provider.billedCount()).toBe(1);
    expect(provider.requests.length).toBe(3);
    expect(events.filter(({ type }) => type === 'failed').length).toBe(2);
  }, 60_000);

  it.each(['cut', 'end-early'])('keeps no stream that was %s', async (mood) => {
    const { provider, model } = await setUp(dialect, { moods: [mood] });
    const ask = () => read(streamText({ model, prompt: 'Say hello', maxRetries: 0, onError() {} }));
    await ask().catch(() => {});
    const whole = await ask();
    expect(whole.outcome).toBe('executed');
    expect(provider.billedCount()).toBe(2);
    expect(await ask()).toEqual({ ...whole, outcome: 'replayed' });
    expect(provider.billedCount()).toBe(2);
  });
});

describe('the wishes of a call', () => {
  it('fresh, sample and scope are for the middleware alone', async () => {
    const { provider, model } = await setUp('openai.responses');
    const ask = async (samekey?: Record<string, string | number | boolean>) => {
      const options = samekey && { providerOptions: { samekey } };
      const { text, providerMetadata } = await generateText({ model, prompt: 'Hello', ...options });
      return [text, outcomeOf(providerMetadata)];
    };
    const [first] = await ask();
    const [second] = await ask({ sample: 1 });
    expect(await ask({ sample: 1 })).toEqual([second, 'replayed']);
    const [third] = await ask({ scope: 'tenant-1' });
    expect(await ask({ scope: 'tenant-1' })).toEqual([third, 'replayed']);
    expect(await ask()).toEqual([first, 'replayed']);
    const [fourth, outcome] = await ask({ fresh: true });
    expect(outcome).toBe('executed');
    expect(await ask({ fresh: false })).toEqual([fourth, 'replayed']);
    expect(new Set([first, second, third, fourth]).size).toBe(4);
    expect(provider.billedCount()).toBe(4);
    expect(provider.requests.filter(({ body }) => body.includes('samekey'))).toEqual([]);
  });

  it('that there are not are refused, and nothing is asked', async () => {
    const { provider, model } = await setUp('openai.chat');
    for (const samekey of [
      { frehs: true },
      { fresh: 'yes' },
      { traceparent: 7 },
      { scope: ['a\0b'] },
    ]) {
      const asked = generateText({
        model,
        prompt: 'Hello',
        providerOptions: { samekey },
        maxRetries: 0,
      });
      await expect(asked).rejects.toMatchObject({ message: expect.stringMatching(/^Cannot use /) });
    }
    expect(provider.requests).toEqual([]);
  });

  it('evict forgets an answer', async () => {
    const { provider, model, middleware } = await setUp('openai.chat');
    const ask = () => generateText({ model, prompt: 'Hello' });
    const { providerMetadata } = await ask();
    expect(await middleware.evict(String(providerMetadata?.samekey?.key))).toBe(true);
    await ask();
    expect(provider.billedCount()).toBe(2);
    expect(middleware.stats()).toMatchObject({ executed: 2, replayed: 0 });
    await middleware.close();
    await expect(ask()).rejects.toMatchObject({ code: 'SAMEKEY_CLOSED' });
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

type Part = { type: string } & Record<string, unknown>;

/** A model that streams this, or says why not. */
function modelOf(stream: ReadableStream<Part> | (() => ReadableStream<Part>)) {
  return {
    provider: 'p',
    modelId: 'm',
    doGenerate: () => Promise.reject(new Error('not asked for')),
    doStream: async (_: object) => ({
      stream: typeof stream === 'function' ? stream() : stream,
      request: { body: 'sent' },
      response: {
        headers: { 'x-request-id': '7', 'set-cookie': 'secret', 'content-length': '3' } as Record<
          string,
          string
        >,
      },
    }),
  };
}

const FINISH = { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: {} };

function partsOf(...parts: readonly Part[]): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

async function collect<T>(stream: ReadableStream<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream as unknown as AsyncIterable<T>) all.push(each);
  return all;
}

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

describe('the key', () => {
  const ask = async (
    given: Record<string, unknown>,
    options: Partial<IdempotencyMiddlewareOptions> = {},
    model = { provider: 'p', modelId: 'm' },
  ) => {
    const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore(), ...options });
    const { providerMetadata } = await wrapGenerate({
      params: given as never,
      model: {
        ...model,
        doGenerate: async () => ({ providerMetadata: {} as { samekey?: { key: string } } }),
        doStream: () => Promise.reject(new Error('not asked for')),
      },
    });
    return providerMetadata.samekey?.key as string;
  };
  const file = (data: unknown) => ({
    prompt: [{ role: 'user', content: [{ type: 'file', data }] }],
  });

  it.each([
    ['members in another order', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ['what is undefined', { a: 1, temperature: undefined }, { a: 1 }],
    ['a signal', { a: 1, abortSignal: new AbortController().signal }, { a: 1 }],
    ['a function', { a: 1, b: { onCall: () => 1 } }, { a: 1, b: {} }],
    [
      'headers of one attempt',
      { headers: { 'user-agent': 'ai/7', 'X-Request-Id': '8', x: undefined } },
      {},
    ],
    [
      'bytes elsewhere in memory',
      file(new Uint8Array([9, 1, 2]).subarray(1)),
      file(new Uint8Array([1, 2])),
    ],
    ['empty options', { providerOptions: { samekey: {} } }, {}],
  ])('is the same with %s', async (_, a, b) => {
    expect(await ask(a)).toBe(await ask(b));
  });

  it.each([
    ['a parameter', { temperature: 0 }, { temperature: 1 }],
    ['provider options', { providerOptions: { openai: { user: 'a' } } }, {}],
    ['a header that counts', { headers: { 'anthropic-beta': 'x' } }, {}],
    [
      'a credential',
      { headers: { authorization: 'Bearer a' } },
      { headers: { authorization: 'Bearer b' } },
    ],
    ['bytes', file(new Uint8Array([1])), file(new Uint8Array([2]))],
    ['an address and its text', file(new URL('https://a.example/')), file('https://a.example/')],
    ['a date and its text', file(new Date(0)), file(new Date(0).toISOString())],
    [
      'bytes and what stands for them',
      file(new Uint8Array([1])),
      file({
        $samekey: 'bytes',
        value: 'ik_4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a',
      }),
    ],
    ['a place in a list', { a: [undefined, 1] }, { a: [1] }],
  ])('is another one with another %s', async (_, a, b) => {
    expect(await ask(a)).not.toBe(await ask(b));
  });

  it('is another one for another model, provider or scope, and goes by the identity', async () => {
    const keys = await Promise.all([
      ask({}),
      ask({}, {}, { provider: 'p', modelId: 'm2' }),
      ask({}, {}, { provider: 'p2', modelId: 'm' }),
      ask({}, { scope: 'a' }),
      ask({}, { scope: ['a', 'b'] }),
    ]);
    expect(new Set(keys).size).toBe(5);
    const options = { identity: { exclude: ['$.seed'] } };
    expect(await ask({ seed: 1, a: 1 }, options)).toBe(await ask({ seed: 2, a: 1 }, options));
  });

  it.each([
    ['a lone surrogate', { prompt: '\ud800' }, 'SAMEKEY_LONE_SURROGATE'],
    ['NaN', { temperature: Number.NaN }, 'SAMEKEY_NOT_FINITE'],
    ['a Map', { a: new Map() }, 'SAMEKEY_NOT_JSON'],
    ['a circle', circle(), 'SAMEKEY_CYCLE'],
  ])('is refused for %s, and nobody is asked', async (_, given, code) => {
    await expect(ask(given)).rejects.toMatchObject({ code });
  });
});

function circle(): Record<string, unknown> {
  const a: Record<string, unknown> = {};
  a.a = [a, a];
  return a;
}

// By the compiler: it is a middleware of each version.
const asV4: LanguageModelV4Middleware = idempotencyMiddleware({ store: memoryStore() });
it('is a middleware of version 4', () => expect(asV4.specificationVersion).toBe('v4'));
