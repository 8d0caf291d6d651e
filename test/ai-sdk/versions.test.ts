import type { LanguageModelV4Middleware } from '@ai-sdk/provider';
import { wrapLanguageModel as wrap7 } from 'ai';
import * as ai5 from 'ai-5';
import * as ai6 from 'ai-6';
import { describe, expect, it } from 'vitest';
import { idempotencyMiddleware } from '../../src/ai-sdk/ai-sdk.js';
import { memoryStore } from '../../src/store/memory.js';
import { collect, type Part, partsOf } from './models.js';

/** What is used of both is the same. */
const sdk6 = ai6 as unknown as typeof ai5;

/** What the compiler takes for a middleware of each version. */
const asV4: LanguageModelV4Middleware = idempotencyMiddleware({ store: memoryStore() });
const asV3: ai6.LanguageModelMiddleware = idempotencyMiddleware({ store: memoryStore() });
const asV2: ai5.LanguageModelMiddleware = idempotencyMiddleware({ store: memoryStore() });

describe.each([
  ['AI SDK 5', 'v2', asV2, ai5, ['stop', { inputTokens: 9, outputTokens: 4, totalTokens: 13 }]],
  ['AI SDK 6', 'v3', asV3, sdk6, [{ unified: 'stop', raw: 'stop' }, usage()]],
] as const)(
  '%s',
  (_, specificationVersion, middleware, { wrapLanguageModel, generateText, streamText }, [
    finishReason,
    usage,
  ]) => {
    let calls = 0;
    const more = { finishReason, usage };
    const text = () => `call ${++calls}`;
    const own = {
      specificationVersion,
      provider: 'p',
      modelId: 'm',
      supportedUrls: {},
      doGenerate: async () => ({
        content: [{ type: 'text', text: text() }],
        warnings: [],
        ...more,
      }),
      doStream: async () => ({
        stream: partsOf(
          { type: 'stream-start', warnings: [] },
          { type: 'text-start', id: '0' },
          { type: 'text-delta', id: '0', delta: text() },
          { type: 'text-end', id: '0' },
          { type: 'finish', ...more },
        ),
      }),
    };
    const model = wrapLanguageModel({ model: own as never, middleware: middleware as never });

    it('asks once', async () => {
      const asked = { model: model as never, prompt: 'Hello' };
      const first = await generateText(asked);
      const again = await generateText(asked);
      expect(first.text).toBe('call 1');
      expect([again.text, again.usage.outputTokens]).toEqual(['call 1', 4]);
      expect(again.providerMetadata?.samekey?.outcome).toBe('replayed');
      const streamed = streamText(asked);
      expect(await streamed.text).toBe('call 2');
      const later = streamText(asked);
      expect(await later.text).toBe('call 2');
      expect((await later.providerMetadata)?.samekey?.outcome).toBe('replayed');
      expect(calls).toBe(2);
    });
  },
);

function usage() {
  return { inputTokens: { total: 9 }, outputTokens: { total: 4 } };
}

it('takes models of older versions behind AI SDK 7', async () => {
  let calls = 0;
  const own = {
    specificationVersion: 'v3',
    provider: 'p',
    modelId: 'm',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('not asked for')),
    doStream: async () => {
      calls++;
      return {
        stream: partsOf({
          type: 'finish',
          finishReason: { unified: 'stop', raw: 'stop' },
          usage: usage(),
        }),
      };
    },
  };
  const model = wrap7({ model: own as never, middleware: asV4 });
  for (let i = 0; i < 2; i++) {
    const { stream } = await model.doStream({ prompt: [] });
    expect((await collect(stream as unknown as ReadableStream<Part>)).at(-1)).toMatchObject({
      type: 'finish',
    });
  }
  expect(calls).toBe(1);
});

it('is a middleware for the compiler where it is handed over, too', () => {
  const model = { provider: 'p', modelId: 'm', supportedUrls: {} };
  const options = { store: memoryStore() };
  const v4 = wrap7({
    model: { ...model, specificationVersion: 'v4' } as never,
    middleware: idempotencyMiddleware(options),
  });
  const v3 = ai6.wrapLanguageModel({
    model: { ...model, specificationVersion: 'v3' } as never,
    middleware: [idempotencyMiddleware(options)],
  });
  const v2 = ai5.wrapLanguageModel({
    model: { ...model, specificationVersion: 'v2' } as never,
    middleware: idempotencyMiddleware(options),
  });
  expect([v4, v3, v2].map(({ specificationVersion }) => specificationVersion)).toEqual([
    'v4',
    'v3',
    'v2',
  ]);
});
