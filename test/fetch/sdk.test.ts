import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../examples/provider/provider.mjs';
import { type FetchOptions, type IdempotentFetch, idempotentFetch } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';
import { part } from '../depth.js';

interface Provider {
  readonly url: string;
  readonly requests: { readonly method: string; readonly headers: Record<string, string> }[];
  billedCount(): number;
  stop(): Promise<void>;
}

/** Longer than a busy machine needs for an immediate answer. */
const IDLE_MS = 1500;

let provider: Provider;
let fetch: IdempotentFetch;
const started: { provider: Provider; fetch: IdempotentFetch }[] = [];

afterEach(async () => {
  for (const each of started.splice(0)) {
    await each.provider.stop();
    await each.fetch.close();
  }
});

async function start(
  moods: readonly string[],
  options: Partial<FetchOptions> = {},
  client: { readonly maxRetries?: number; readonly timeout?: number } = {},
) {
  provider = await startProvider({ moods, workMs: 10 });
  fetch = idempotentFetch({ store: memoryStore(), ...options });
  started.push({ provider, fetch });
  const settings = { fetch, apiKey: 'account-1', maxRetries: 4, timeout: 60_000, ...client };
  return {
    openai: new OpenAI({ ...settings, baseURL: `${provider.url}/v1` }),
    anthropic: new Anthropic({ ...settings, baseURL: provider.url }),
  };
}

type Clients = Awaited<ReturnType<typeof start>>;

const messages = [{ role: 'user' as const, content: 'What is new?' }];
const parameters = { type: 'object' as const, properties: { city: { type: 'string' } } };
const ANSWER = 'Answer 1 to: What is new?';
const CALL = '{"city":"the city"}';

/** A call through a real SDK. `ask` resolves with the whole answer. */
interface SdkCall {
  readonly name: string;
  readonly answer: string;
  ask(clients: Clients): Promise<string | undefined>;
}

const SDK_CALLS: readonly SdkCall[] = [
  {
    name: 'openai, chat',
    answer: ANSWER,
    async ask({ openai }) {
      const { choices } = await openai.chat.completions.create({ model: 'm', messages });
      return choices[0]?.message.content ?? undefined;
    },
  },
  {
    name: 'openai, chat as a stream',
    answer: ANSWER,
    async ask({ openai }) {
      const stream = await openai.chat.completions.create({ model: 'm', messages, stream: true });
      let text = '';
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
      return text;
    },
  },
  {
    name: 'openai, chat with a tool, as a stream',
    answer: CALL,
    async ask({ openai }) {
      const stream = openai.chat.completions.stream({
        model: 'm',
        messages,
        tools: [{ type: 'function', function: { name: 'weather', parameters } }],
      });
      const { choices } = await stream.finalChatCompletion();
      const [call] = choices[0]?.message.tool_calls ?? [];
      return call?.type === 'function' ? call.function.arguments : undefined;
    },
  },
  {
    name: 'openai, responses as a stream',
    answer: ANSWER,
    async ask({ openai }) {
      const stream = openai.responses.stream({ model: 'm', input: 'What is new?' });
      return (await stream.finalResponse()).output_text;
    },
  },
  {
    name: 'anthropic',
    answer: ANSWER,
    async ask({ anthropic }) {
      const { content } = await anthropic.messages.create({ model: 'm', max_tokens: 9, messages });
      return content[0]?.type === 'text' ? content[0].text : undefined;
    },
  },
  {
    name: 'anthropic, as a stream',
    answer: ANSWER,
    async ask({ anthropic }) {
      return anthropic.messages.stream({ model: 'm', max_tokens: 9, messages }).finalText();
    },
  },
  {
    name: 'anthropic with a tool',
    answer: CALL,
    async ask({ anthropic }) {
      const { content } = await anthropic.messages.create({
        model: 'm',
        max_tokens: 9,
        messages,
        tools: [{ name: 'weather', input_schema: parameters }],
      });
      const call = content.find(({ type }) => type === 'tool_use');
      return call?.type === 'tool_use' ? JSON.stringify(call.input) : undefined;
    },
  },
];

/** Each SDK, once with a stream and once with a tool. */
const QUICK = ['openai, chat as a stream', 'anthropic with a tool'];
const sdkCalls = part(SDK_CALLS, ({ name }) => QUICK.includes(name));

const callsSeen = () => provider.requests.filter(({ method }) => method === 'POST').length;

describe.each(sdkCalls)('$name', ({ ask, answer }) => {
  it('is billed once for concurrent and later callers', async () => {
    const clients = await start([]);
    expect(await Promise.all([ask(clients), ask(clients), ask(clients)])).toEqual([
      answer,
      answer,
      answer,
    ]);
    expect(await ask(clients)).toBe(answer);
    expect([callsSeen(), provider.billedCount()]).toEqual([1, 1]);
  });

  it.each([
    ['too many requests', ['429:20'], 2],
    ['a server error', ['500', '503'], 3],
    ['overloaded', ['529'], 2],
  ])('receives its answer after %s', async (_, moods, calls) => {
    const clients = await start(moods);
    expect(await Promise.all([ask(clients), ask(clients)])).toEqual([answer, answer]);
    expect([callsSeen(), provider.billedCount()]).toEqual([calls, 1]);
  });

  it('that is late is joined by the retries of its own client', async () => {
    const clients = await start(['late:550'], {}, { timeout: 250 });
    expect(await ask(clients)).toBe(answer);
    expect([callsSeen(), provider.billedCount()]).toEqual([1, 1]);
  });

  it('receives its answer when the first request is never answered', async () => {
    const clients = await start(['hang'], { idleMs: IDLE_MS });
    expect(await ask(clients)).toBe(answer);
    expect([callsSeen(), provider.billedCount()]).toEqual([2, 1]);
  });

  it.each(['cut', 'end-early', 'stall'])(
    'with half an answer (%s) fails for every caller, and is never replayed',
    async (mood) => {
      const clients = await start([mood], mood === 'stall' ? { idleMs: IDLE_MS } : {});
      const both = await Promise.allSettled([ask(clients), ask(clients)]);
      expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect([callsSeen(), provider.billedCount()]).toEqual([1, 1]);
      // The next request receives a complete answer.
      expect(await ask(clients)).toBe(answer.replace('1', '2'));
    },
  );

  it('that was refused is not held', async () => {
    const clients = await start(['500'], { onUnknown: 'hold' });
    expect(await ask(clients)).toBe(answer);
    expect([callsSeen(), provider.billedCount()]).toEqual([2, 1]);
  });

  it('that is billed and never acknowledged is held', async () => {
    const clients = await start(['lose'], { onUnknown: 'hold' }, { maxRetries: 1 });
    const [first, second] = await Promise.allSettled([ask(clients), ask(clients)]);
    for (const each of [first, second]) {
      expect(each).toMatchObject({ status: 'rejected' });
      const { reason } = each as PromiseRejectedResult;
      expect(`${reason} ${reason.cause}`).toMatch(/ended without an outcome/);
    }
    expect([callsSeen(), provider.billedCount()]).toEqual([1, 1]);
  });
});

describe('a request', () => {
  it('differs from one with another word, account, model or tool', async () => {
    const clients = await start([]);
    const other = new OpenAI({ fetch, apiKey: 'account-2', baseURL: `${provider.url}/v1` });
    const ask = (openai: OpenAI, more: object = {}) =>
      openai.chat.completions.create({ model: 'm', messages, ...more });
    await ask(clients.openai);
    await ask(other);
    await ask(clients.openai, { model: 'n' });
    await ask(clients.openai, { messages: [{ role: 'user', content: 'What is new!' }] });
    await ask(clients.openai, { seed: 1 });
    expect(provider.billedCount()).toBe(5);
  });

  it('is sampled again with a header of the call', async () => {
    const { openai } = await start([]);
    const ask = (headers: Record<string, string>) =>
      openai.chat.completions.create({ model: 'm', messages }, { headers });
    const ids = [];
    for (const sample of ['1', '2', '1']) ids.push((await ask({ 'samekey-sample': sample })).id);
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids[2]).toBe(ids[0]);
    expect(provider.requests.some(({ headers }) => 'samekey-sample' in headers)).toBe(false);
  });
});
