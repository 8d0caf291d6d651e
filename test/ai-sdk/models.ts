/** Models of the AI SDK for tests: of real providers' packages at a fake provider, and made by hand. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import { wrapLanguageModel } from 'ai';
import { afterEach } from 'vitest';
// @ts-expect-error It is plain JavaScript.
import { startProvider } from '../../examples/provider/provider.mjs';
import {
  type IdempotencyMiddlewareOptions,
  idempotencyMiddleware,
} from '../../src/ai-sdk/ai-sdk.js';
import type { OnceEvent } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';

export interface Provider {
  readonly url: string;
  readonly requests: readonly { readonly body: string; readonly headers: object }[];
  billedCount(): number;
  stop(): Promise<void>;
}

const providers: Provider[] = [];

/** A provider that is stopped when the test has ended. */
export async function provide(options: object = {}): Promise<Provider> {
  const provider: Provider = await startProvider(options);
  providers.push(provider);
  return provider;
}

afterEach(async () => {
  await Promise.all(providers.splice(0).map((provider) => provider.stop()));
});

export type Dialect = 'openai.responses' | 'openai.chat' | 'anthropic.messages';
export const DIALECTS: readonly Dialect[] = [
  'openai.responses',
  'openai.chat',
  'anthropic.messages',
];

export function modelAt(url: string, dialect: Dialect): LanguageModelV4 {
  if (dialect === 'anthropic.messages') {
    return createAnthropic({ baseURL: `${url}/v1`, apiKey: 'a' })('claude-sonnet-4-5');
  }
  const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'a' });
  return dialect === 'openai.chat' ? openai.chat('gpt-5') : openai.responses('gpt-5');
}

/** A model behind the middleware, and who is billed for. */
export async function setUp(
  dialect: Dialect,
  provided: object = {},
  options: Partial<IdempotencyMiddlewareOptions> = {},
) {
  const provider = await provide(provided);
  const events: OnceEvent[] = [];
  const middleware = idempotencyMiddleware({
    store: memoryStore(),
    onEvent: (event) => events.push(event),
    ...options,
  });
  const model = wrapLanguageModel({ model: modelAt(provider.url, dialect), middleware });
  return { provider, middleware, model, events };
}

export const outcomeOf = (metadata: Record<string, Record<string, unknown>> | undefined) =>
  metadata?.samekey?.outcome;

/** All that a caller of `streamText` reads. */
export async function read(result: {
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

export type Part = { type: string } & Record<string, unknown>;

/** A model that streams this, or says why not. */
export function modelOf(stream: ReadableStream<Part> | (() => ReadableStream<Part>)) {
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

export const FINISH = { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: {} };

export function partsOf(...parts: readonly Part[]): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

export async function collect<T>(stream: ReadableStream<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream as unknown as AsyncIterable<T>) all.push(each);
  return all;
}
