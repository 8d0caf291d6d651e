import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText } from 'ai';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { but } from '../once/scene.js';

/** What clients of stores say when their server is down. An SDK takes the last two for its own timeout. */
const REASONS = ['connect ECONNREFUSED 127.0.0.1:6379', 'Command timed out', 'Query read timeout'];

const messages = [{ role: 'user' as const, content: 'What is new?' }];

/** A `fetch` on a store that is down, and how often it sent a request. */
function onStoreDown(reason: string, options: { readonly onStoreError?: 'run' } = {}) {
  const store: Store = but(memoryStore(), {
    claim: () => Promise.reject(new Error(reason)),
    address: 'redis.example:6379',
  });
  let sent = 0;
  const upstream = async () => {
    sent++;
    const choices = [
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } },
    ];
    return Response.json({ id: 'a', object: 'chat.completion', choices });
  };
  const fetch = idempotentFetch({ store, fetch: upstream, ...options });
  return { fetch, sent: () => sent };
}

type Ask = (fetch: typeof globalThis.fetch) => Promise<unknown>;

const SDKS: Record<string, Ask> = {
  openai: (fetch) =>
    new OpenAI({ fetch, apiKey: 'a', maxRetries: 0 }).chat.completions.create({
      model: 'm',
      messages,
    }),
  'openai, a stream': (fetch) =>
    new OpenAI({ fetch, apiKey: 'a', maxRetries: 0 }).chat.completions.create({
      model: 'm',
      messages,
      stream: true,
    }),
  anthropic: (fetch) =>
    new Anthropic({ fetch, apiKey: 'a', maxRetries: 0 }).messages.create({
      model: 'm',
      max_tokens: 9,
      messages,
    }),
  'the AI SDK': (fetch) =>
    generateText({
      model: createOpenAI({ fetch, apiKey: 'a' }).chat('m'),
      prompt: 'What is new?',
      maxRetries: 0,
    }),
};

describe.each(Object.entries(SDKS))('%s', (_, ask) => {
  it.each(REASONS)('says that the store is down: %s', async (reason) => {
    const { fetch, sent } = onStoreDown(reason);
    const error = (await ask(fetch).catch((error) => error)) as Error;
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toContain(
      `the store memory at redis.example:6379 failed: ${reason} (SAMEKEY_STORE)`,
    );
    expect(sent()).toBe(0);
  });
});

it('the SDK of OpenAI has the code, and asks again as after a lost connection', async () => {
  const { fetch } = onStoreDown('Command timed out');
  let asked = 0;
  const counted: typeof fetch = Object.assign((...all: Parameters<typeof fetch>) => {
    asked++;
    return fetch(...all);
  }, fetch);
  const openai = new OpenAI({ fetch: counted, apiKey: 'a', maxRetries: 1 });
  await expect(openai.chat.completions.create({ model: 'm', messages })).rejects.toMatchObject({
    code: 'SAMEKEY_STORE',
    status: 503,
  });
  expect(asked).toBe(2);
});

it("the SDK of OpenAI gets its answer with onStoreError: 'run'", async () => {
  const { fetch, sent } = onStoreDown('Command timed out', { onStoreError: 'run' });
  const { choices } = await new OpenAI({ fetch, apiKey: 'a' }).chat.completions.create({
    model: 'm',
    messages,
  });
  expect([choices[0]?.message.content, sent()]).toEqual(['Hi', 1]);
});

it('a program gets the error itself', async () => {
  const { fetch } = onStoreDown('ECONNREFUSED');
  const answer = fetch('https://api.example/', { method: 'POST', body: '{}' });
  await expect(answer).rejects.toMatchObject({ name: 'OnceError', code: 'SAMEKEY_STORE' });
});
