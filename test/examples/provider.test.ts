import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { toFile } from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../examples/provider/provider.mjs';

interface Provider {
  url: string;
  requests: { method: string; path: string; body: string; isBilled: boolean }[];
  billedCount(body?: string): number;
  summary(): string;
  stop(): Promise<void>;
}

let provider: Provider;
afterEach(() => provider.stop());

async function start(options: object = {}) {
  provider = await startProvider(options);
  const settings = { apiKey: 'none', maxRetries: 0 };
  return {
    openai: new OpenAI({ ...settings, baseURL: `${provider.url}/v1` }),
    anthropic: new Anthropic({ ...settings, baseURL: provider.url }),
  };
}

const question = { model: 'm', messages: [{ role: 'user' as const, content: 'What is new?' }] };
const asked = { ...question, max_tokens: 100 };
const ANSWER = 'Answer 1 to: What is new?';

const schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
};
const ARGUMENTS = { city: 'the city', days: 7 };
const openaiTool = {
  type: 'function' as const,
  function: { name: 'weather', parameters: schema },
};
const anthropicTool = { name: 'weather', input_schema: schema };

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('the local provider with the SDK openai', () => {
  it('answers', async () => {
    const { openai } = await start();
    const { choices, usage } = await openai.chat.completions.create(question);
    expect(choices[0]?.message.content).toBe(ANSWER);
    expect(usage?.total_tokens).toBeGreaterThan(5);
    expect(provider.billedCount()).toBe(1);
    expect(provider.requests[0]).toMatchObject({ path: '/v1/chat/completions', isBilled: true });
  });

  it('streams, with usage at the end', async () => {
    const { openai } = await start();
    const stream = openai.chat.completions.stream({
      ...question,
      stream_options: { include_usage: true },
    });
    const chunks = await all(stream);
    expect(chunks.length).toBeGreaterThan(5);
    const whole = await stream.finalChatCompletion();
    expect(whole.choices[0]?.message.content).toBe(ANSWER);
    expect(whole.usage?.total_tokens).toBeGreaterThan(5);
  });

  it('calls tools, and continues with their results', async () => {
    const { openai } = await start();
    const runner = openai.chat.completions.runTools({
      ...question,
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            parameters: schema,

            description: 'What the weather will be.',
            parse: (text: string) => JSON.parse(text) as object,
            function: (given: object) => given,
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('Answer 2 to: the result of the tool');
    const tool = runner.messages.find(({ role }) => role === 'tool');
    expect(JSON.parse(tool?.content as string)).toEqual(ARGUMENTS);
  });

  it('streams calls of tools', async () => {
    const { openai } = await start();
    const stream = openai.chat.completions.stream({ ...question, tools: [openaiTool] });
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0] ?? {};
    expect(finish_reason).toBe('tool_calls');
    const [call] = message?.tool_calls ?? [];
    expect(call).toMatchObject({ id: 'call_1', function: { name: 'weather' } });
    expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toEqual(ARGUMENTS);
  });

  it('answers as responses', async () => {
    const { openai } = await start();
    const { output_text, usage } = await openai.responses.create({
      model: 'm',
      input: 'What is new?',
    });
    expect(output_text).toBe(ANSWER);
    expect(usage?.total_tokens).toBeGreaterThan(5);
  });

  it('streams responses', async () => {
    const { openai } = await start();
    const stream = openai.responses.stream({ model: 'm', input: 'What is new?' });
    const events = await all(stream);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
    expect(events.at(-1)?.type).toBe('response.completed');
    expect((await stream.finalResponse()).output_text).toBe(ANSWER);
  });

  it('calls tools in responses, whole and as a stream', async () => {
    const { openai } = await start();
    const request = {
      model: 'm',
      input: 'What is new?',
      tools: [{ type: 'function' as const, name: 'weather', parameters: schema, strict: null }],
    };
    for (const { output } of [
      await openai.responses.create(request),
      await openai.responses.stream(request).finalResponse(),
    ]) {
      const [call] = output;
      expect(call).toMatchObject({ type: 'function_call', name: 'weather' });
      expect(JSON.parse(call?.type === 'function_call' ? call.arguments : '')).toEqual(ARGUMENTS);
    }
  });

  it('accepts files and batches, some items of which fail', async () => {
    const { openai } = await start({ moods: ['answer', 'partial:2'] });
    const items = ['a', 'b', 'c'].map((custom_id) => ({
      custom_id,
      method: 'POST',
      url: '/v1/chat/completions',
      body: question,
    }));
    const file = await openai.files.create({
      purpose: 'batch',
      file: await toFile(
        Buffer.from(items.map((item) => JSON.stringify(item)).join('\n')),
        'b.jsonl',
      ),
    });
    expect(file).toMatchObject({ filename: 'b.jsonl', purpose: 'batch' });
    const { id } = await openai.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    expect((await openai.batches.retrieve(id)).status).toBe('in_progress');
    const batch = await openai.batches.retrieve(id);
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 3, completed: 2, failed: 1 },
    });
    const linesOf = async (fileId: string | null | undefined) =>
      (await (await openai.files.content(fileId as string)).text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect((await linesOf(batch.output_file_id)).map(({ custom_id }) => custom_id)).toEqual([
      'c',
      'a',
    ]);
    expect(await linesOf(batch.error_file_id)).toMatchObject([
      { custom_id: 'b', response: { status_code: 500 } },
    ]);
    expect(provider.billedCount()).toBe(2);
    expect(provider.billedCount(JSON.stringify(question))).toBe(2);
    expect((await all(openai.batches.list())).map((each) => each.id)).toEqual([id]);
  });

  it('refuses invalid requests, and bills nothing', async () => {
    const { openai } = await start();
    const wrong = openai.chat.completions.create({ model: 'm' } as never);
    await expect(wrong).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' });
    await expect(openai.models.list()).rejects.toMatchObject({ status: 404 });
    expect(provider.billedCount()).toBe(0);
  });
});

describe('the local provider with @anthropic-ai/sdk', () => {
  it('answers', async () => {
    const { anthropic } = await start();
    const { content, usage } = await anthropic.messages.create(asked);
    expect(content).toEqual([{ type: 'text', text: ANSWER }]);
    expect(usage.output_tokens).toBeGreaterThan(5);
  });

  it('streams', async () => {
    const { anthropic } = await start();
    const stream = anthropic.messages.stream(asked);
    const events = await all(stream);
    expect(events[0]?.type).toBe('message_start');
    expect(events.at(-1)?.type).toBe('message_stop');
    const whole = await stream.finalMessage();
    expect(whole.content).toMatchObject([{ type: 'text', text: ANSWER }]);
    expect(whole.usage.output_tokens).toBeGreaterThan(5);
  });

  it('calls tools, whole and as a stream, and continues with their results', async () => {
    const { anthropic } = await start();
    const request = { ...asked, tools: [anthropicTool] };
    const called = await anthropic.messages.create(request);
    const streamed = await anthropic.messages.stream(request).finalMessage();
    for (const { content, stop_reason } of [called, streamed]) {
      expect(content).toMatchObject([{ type: 'tool_use', name: 'weather', input: ARGUMENTS }]);
      expect(stop_reason).toBe('tool_use');
    }
    const { content } = await anthropic.messages.create({
      ...request,
      messages: [
        ...asked.messages,
        { role: 'assistant', content: called.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: '8' }] },
      ],
    });
    expect(content).toEqual([{ type: 'text', text: 'Answer 3 to: the result of the tool' }]);
  });

  it('accepts batches, some items of which fail', async () => {
    const { anthropic } = await start({ moods: ['partial:2'] });
    const requests = ['a', 'b', 'c'].map((custom_id) => ({ custom_id, params: asked }));
    const { batches } = anthropic.messages;
    const { id } = await batches.create({ requests });
    expect((await batches.retrieve(id)).processing_status).toBe('in_progress');
    expect(await batches.retrieve(id)).toMatchObject({
      processing_status: 'ended',
      request_counts: { succeeded: 2, errored: 1 },
    });
    const results = await all(await batches.results(id));
    expect(results.map((each) => [each.custom_id, each.result.type])).toEqual([
      ['c', 'succeeded'],
      ['b', 'errored'],
      ['a', 'succeeded'],
    ]);
    expect(provider.billedCount()).toBe(2);
    expect((await all(batches.list())).map((each) => each.id)).toEqual([id]);
  });

  it.each([
    ['ids twice', ['a', 'a']],
    ['ids that do not fit', ['a b']],
  ])('refuses a batch with %s', async (_, ids) => {
    const { anthropic } = await start();
    const requests = ids.map((custom_id) => ({ custom_id, params: asked }));
    await expect(anthropic.messages.batches.create({ requests })).rejects.toMatchObject({
      status: 400,
    });
    expect(provider.billedCount()).toBe(0);
  });
});

describe('the moods of the local provider', () => {
  const post = (body: object = question, signal?: AbortSignal) =>
    fetch(`${provider.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });

  it.each([
    ['429:30', 429, 0, '30'],
    ['429', 429, 0, '20'],
    ['500', 500, 0, null],
    ['529', 529, 0, null],
    ['refuse', 429, 1, '20'],
  ])('%s: %i, and %i billed', async (mood, status, billed, wait) => {
    const { anthropic } = await start({ moods: [mood] });
    const error = await anthropic.messages.create(asked).catch((error) => error);
    expect(error.status).toBe(status);
    expect(error.headers.get('retry-after-ms')).toBe(wait);
    expect(provider.billedCount()).toBe(billed);
    await anthropic.messages.create(asked);
    expect(provider.summary()).toBe(`the provider saw 2 calls and billed ${billed + 1}`);
  });

  it('late: billed, and answered after many clients have given up', async () => {
    await start({ moods: ['late:50'] });
    expect((await post()).status).toBe(200);
    expect(provider.billedCount()).toBe(1);
  });

  it.each([
    ['hang', 0],
    ['late', 1],
  ])('%s: no answer, and %i billed', async (mood, billed) => {
    await start({ moods: [mood] });
    await expect(post(question, AbortSignal.timeout(100))).rejects.toThrow('aborted');
    expect(provider.billedCount()).toBe(billed);
  });

  it('lose: billed, and a broken connection', async () => {
    await start({ moods: ['lose'] });
    await expect(post()).rejects.toThrow('fetch failed');
    expect(provider.billedCount()).toBe(1);
  });

  it.each([true, false])('cut: half of an answer (stream: %s), and an error', async (stream) => {
    await start({ moods: ['cut'] });
    const response = await post({ ...question, stream });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
    expect(provider.billedCount()).toBe(1);
  });

  it('end-early: half of a stream, and a normal end', async () => {
    await start({ moods: ['answer', 'end-early'] });
    const whole = await (await post({ ...question, stream: true })).text();
    const half = await (await post({ ...question, stream: true })).text();
    expect(whole).toContain('[DONE]');
    expect(half).not.toContain('[DONE]');
    expect(half.length).toBeGreaterThan(whole.length / 4);
    expect(half.length).toBeLessThan(whole.length);
  });

  it('stall: half of a stream, then no more data', async () => {
    await start({ moods: ['stall'] });
    const response = await post({ ...question, stream: true }, AbortSignal.timeout(200));
    await expect(response.text()).rejects.toThrow('aborted');
  });

  it('slow-stream: chunk by chunk', async () => {
    await start({ moods: ['slow-stream:10'] });
    const { body } = await post({ ...question, stream: true });
    const chunks = await all(body as unknown as AsyncIterable<Uint8Array>);
    expect(chunks.length).toBeGreaterThan(2);
    expect(Buffer.concat(chunks).toString()).toContain('[DONE]');
  });

  it('an object: this answer', async () => {
    const headers = { 'x-should-retry': 'false' };
    await start({
      moods: [
        { status: 429, headers, body: { error: { code: 'insufficient_quota' } } },
        { status: 503 },
      ],
    });
    const response = await post();
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toEqual({ error: { code: 'insufficient_quota' } });
    expect((await post()).status).toBe(503);
    expect(provider.billedCount()).toBe(0);
  });

  it('bills each body it works on, whatever its key; with honoursKeys once for each key', async () => {
    const twice = async () => {
      const headers = { 'idempotency-key': 'ik_1' };
      const send = () =>
        fetch(`${provider.url}/v1/responses`, {
          method: 'POST',
          headers,
          body: '{"model":"m","input":"a"}',
        });
      await send();
      return (await send()).headers.get('idempotent-replayed');
    };
    await start();
    expect(await twice()).toBe(null);
    expect(provider.billedCount('{"model":"m","input":"a"}')).toBe(2);
    await provider.stop();
    await start({ honoursKeys: true });
    expect(await twice()).toBe('true');
    expect(provider.billedCount()).toBe(1);
  });

  it('are checked at the start', async () => {
    await start();
    await expect(startProvider({ moods: ['sad'] })).rejects.toThrow('There is no mood "sad"');
  });
});
