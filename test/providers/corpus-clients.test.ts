/** A client of an API sees the same with and without samekey, whatever it is answered. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';
import { deep } from '../depth.js';
import { answerWith } from './corpus/scene.js';
import { chunksOf, isStream, type Shape, shapes } from './corpus/shapes.js';

type Fetch = typeof globalThis.fetch;
/** What a client gives its program: a value, or the parts of a stream. */
type Ask = (fetch: Fetch, isStreamed: boolean) => Promise<unknown>;

const messages = [{ role: 'user' as const, content: 'Hi' }];
const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }];
const settings = (fetch: Fetch) => ({ apiKey: 'k', fetch, maxRetries: 0 });

const CLIENTS: Record<string, Ask> = {
  'openai, chat': (fetch, stream) =>
    new OpenAI(settings(fetch)).chat.completions.create({ model: 'm', messages, stream }),
  'openai, responses': (fetch, stream) =>
    new OpenAI(settings(fetch)).responses.create({ model: 'm', input: 'Hi', stream }),
  '@anthropic-ai/sdk': (fetch, stream) =>
    new Anthropic(settings(fetch)).messages.create({ model: 'm', max_tokens: 9, messages, stream }),
  '@ai-sdk/openai': async (fetch, isStreamed) => {
    const model = createOpenAI({ apiKey: 'k', fetch }).chat('m');
    return isStreamed ? (await model.doStream({ prompt })).stream : model.doGenerate({ prompt });
  },
  '@ai-sdk/anthropic': async (fetch, isStreamed) => {
    const model = createAnthropic({ apiKey: 'k', fetch })('m');
    return isStreamed ? (await model.doStream({ prompt })).stream : model.doGenerate({ prompt });
  },
};

interface Seen {
  readonly parts: readonly string[];
  /** The class, the status and the message of the error at the end. */
  readonly error?: readonly unknown[];
  readonly isBroken: boolean;
}

/** Text to compare. samekey adds headers, and a client invents the time of a response without one. */
const textOf = (value: unknown) =>
  JSON.stringify(value, (name, each) =>
    /^(?:headers|timestamp)$/.test(name) ? undefined : each,
  ) ?? String(value);

function errorIn(thrown: unknown): Omit<Seen, 'parts'> {
  const { name, message, status, cause, code } = thrown as Error & Record<string, unknown>;
  const codes = [code, (cause as { code?: unknown } | undefined)?.code];
  return {
    error: [name, status, message],
    isBroken: codes.includes('SAMEKEY_BROKEN_RESPONSE'),
  };
}

async function see(ask: Ask, fetch: Fetch, isStreamed: boolean): Promise<Seen> {
  const parts: string[] = [];
  try {
    const answer = await ask(fetch, isStreamed);
    const isList = typeof (answer as AsyncIterable<unknown>)?.[Symbol.asyncIterator] === 'function';
    if (!isList) return { parts: [textOf(answer)], isBroken: false };
    for await (const part of answer as AsyncIterable<unknown>) parts.push(textOf(part));
    return { parts, isBroken: false };
  } catch (error) {
    return { parts, ...errorIn(error) };
  }
}

/** Every shape, or in `npm test` every tenth. */
const judged = shapes.filter((_, at) => at % deep(10, 1) === 0);

describe.each(Object.entries(CLIENTS))('%s sees the same with samekey', (_, ask) => {
  it.each(judged.map((shape): [string, Shape] => [shape.id, shape]))('%s', async (_, shape) => {
    const chunks = chunksOf(shape);
    const upstream: Fetch = async (...request) => {
      const response = await answerWith(shape, chunks)(...request);
      const hasLength = !Array.isArray(shape.body) && shape.status !== 204;
      if (hasLength) response.headers.set('content-length', String(chunks[0]?.length));
      return response;
    };
    const isStreamed = isStream(shape);
    const plain = await see(ask, upstream, isStreamed);
    const fetch = idempotentFetch({ store: memoryStore(), fetch: upstream });
    const guarded = await see(ask, fetch as Fetch, isStreamed);
    // A second time it is a replay, or the same answer again.
    const again = await see(ask, fetch as Fetch, isStreamed);
    await fetch.close();
    for (const seen of [guarded, again]) {
      if (shape.verdict === 'broken' && seen.error !== undefined) {
        // Where a client would take half an answer for the whole, its program gets an error.
        expect(seen.parts).toEqual(plain.parts.slice(0, seen.parts.length));
      } else {
        expect(seen).toEqual(plain);
      }
    }
  });
});
