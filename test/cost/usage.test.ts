import { EventStreamCodec } from '@smithy/eventstream-codec';
import { describe, expect, it } from 'vitest';
import { usageIn } from '../../src/cost/usage.js';
import { usageOf } from '../../src/cost/usage-of.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => usageOf(bytes(JSON.stringify(value)), 'application/json');
const events = (...list: readonly (readonly [event: string, data: unknown])[]) =>
  list
    .map(([event, data]) => `${event && `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`)
    .join('');

/** Encodes an event stream with the codec of the AWS SDK. */
function amazonStream(...messages: readonly (readonly [type: string, body: unknown])[]) {
  const codec = new EventStreamCodec(
    (input) => new TextDecoder().decode(input as Uint8Array),
    (text) => bytes(text),
  );
  const frames = messages.map(([type, body]) =>
    codec.encode({
      headers: {
        ':event-type': { type: 'string', value: type },
        ':content-type': { type: 'string', value: 'application/json' },
      },
      body: bytes(JSON.stringify(body)),
    }),
  );
  return Uint8Array.from(frames.flatMap((frame) => [...frame]));
}

const OPENAI_CHAT = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-5-2025-08-07',
  choices: [],
  usage: {
    prompt_tokens: 2006,
    completion_tokens: 300,
    total_tokens: 2306,
    prompt_tokens_details: { cached_tokens: 1920 },
    completion_tokens_details: { reasoning_tokens: 256 },
  },
};
const ANTHROPIC = {
  type: 'message',
  model: 'claude-sonnet-4-5-20250929',
  content: [],
  usage: {
    input_tokens: 12,
    cache_creation_input_tokens: 500,
    cache_read_input_tokens: 1800,
    output_tokens: 40,
  },
};
const GEMINI = {
  candidates: [],
  modelVersion: 'gemini-2.5-flash',
  usageMetadata: {
    promptTokenCount: 900,
    toolUsePromptTokenCount: 100,
    cachedContentTokenCount: 600,
    candidatesTokenCount: 30,
    thoughtsTokenCount: 70,
    totalTokenCount: 1100,
  },
};
const GEMINI_USAGE = {
  inputTokens: 1000,
  cachedInputTokens: 600,
  cacheWriteTokens: 0,
  outputTokens: 100,
  model: 'gemini-2.5-flash',
};

describe('the usage of a JSON body', () => {
  it.each([
    [
      'OpenAI, Chat Completions: cached tokens are among the others',
      OPENAI_CHAT,
      { inputTokens: 2006, cachedInputTokens: 1920, outputTokens: 300, model: 'gpt-5-2025-08-07' },
    ],
    [
      'OpenAI, Responses',
      {
        object: 'response',
        model: 'gpt-5',
        // The caller's own metadata, which do not name the model.
        metadata: { model: 'mine', usage: 'mine' },
        usage: {
          input_tokens: 36,
          input_tokens_details: { cached_tokens: 30 },
          output_tokens: 87,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 123,
        },
      },
      { inputTokens: 36, cachedInputTokens: 30, outputTokens: 87, model: 'gpt-5' },
    ],
    [
      'OpenAI, embeddings',
      {
        object: 'list',
        model: 'text-embedding-3-small',
        usage: { prompt_tokens: 8, total_tokens: 8 },
      },
      { inputTokens: 8, outputTokens: 0, model: 'text-embedding-3-small' },
    ],
    [
      'DeepSeek',
      { model: 'd', usage: { prompt_tokens: 9, completion_tokens: 2, prompt_cache_hit_tokens: 8 } },
      { inputTokens: 9, cachedInputTokens: 8, outputTokens: 2, model: 'd' },
    ],
    [
      'Anthropic: cached tokens come on top',
      ANTHROPIC,
      {
        inputTokens: 2312,
        cachedInputTokens: 1800,
        cacheWriteTokens: 500,
        outputTokens: 40,
        model: 'claude-sonnet-4-5-20250929',
      },
    ],
    ['Gemini', GEMINI, GEMINI_USAGE],
    [
      'Gemini, a stream as one list',
      [{ usageMetadata: { promptTokenCount: 900 } }, GEMINI],
      GEMINI_USAGE,
    ],
    [
      'Bedrock, Converse',
      {
        output: { message: { role: 'assistant', content: [] } },
        usage: {
          inputTokens: 10,
          outputTokens: 20,
          totalTokens: 930,
          cacheReadInputTokens: 800,
          cacheWriteInputTokens: 100,
        },
      },
      { inputTokens: 910, cachedInputTokens: 800, cacheWriteTokens: 100, outputTokens: 20 },
    ],
  ])('%s', (_, body, expected) => {
    expect(json(body)).toEqual({
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      model: undefined,
      ...expected,
    });
  });

  it.each([
    ['no usage', { choices: [] }],
    ['a usage that is null', { usage: null }],
    ['a usage without tokens', { usage: { seconds: 3, type: 'duration' } }],
    ['invalid counts', { usage: { input_tokens: -1, output_tokens: '7' } }],
    ['a token count, which is not billed', { input_tokens: 14 }],
    ['a usage in the text of the model', { content: [{ usage: { input_tokens: 1 } }] }],
    ['text', 'usage'],
  ])('is undefined for %s', (_, body) => {
    expect(json(body)).toBeUndefined();
  });

  it('is undefined if the body cannot be read', () => {
    for (const type of [
      'application/json',
      'text/event-stream',
      'application/vnd.amazon.eventstream',
      'application/x-ndjson',
      'text/html',
      '',
      null,
      undefined,
    ]) {
      expect(usageOf(bytes('"usage": {'), type)).toBeUndefined();
      expect(usageOf(new Uint8Array(40).fill(255), type)).toBeUndefined();
    }
  });

  it('is found after a byte order mark', () => {
    const body = bytes(`\ufeff${JSON.stringify(OPENAI_CHAT)}`);
    expect(usageOf(body, 'application/json')?.outputTokens).toBe(300);
  });

  it('is found by content type, with parameters, or without one', () => {
    const body = bytes(JSON.stringify(OPENAI_CHAT));
    for (const type of [
      'application/json; charset=utf-8',
      'Application/JSON',
      'application/vnd.x+json',
      '',
    ]) {
      expect(usageOf(body, type)?.outputTokens).toBe(300);
    }
    expect(usageOf(body, 'text/plain')).toBeUndefined();
  });
});

describe('the usage of a stream', () => {
  const sse = (text: string) => usageOf(bytes(text), 'text/event-stream; charset=utf-8');

  it('of OpenAI Chat Completions is in a chunk near the end', () => {
    const chunk = { object: 'chat.completion.chunk', model: 'gpt-5', usage: null };
    const text = events(
      ['', { ...chunk, choices: [{ delta: { content: 'my "usage": {"prompt_tokens": 1}' } }] }],
      ['', { ...chunk, choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } }],
    );
    const expected = { inputTokens: 9, outputTokens: 4, model: 'gpt-5' };
    expect(sse(`${text}data: [DONE]\n\n`)).toMatchObject(expected);
    expect(sse(text.replaceAll('\n', '\r\n'))).toMatchObject(expected);
    expect(sse(text.trimEnd())).toMatchObject(expected);
  });

  it('of OpenAI Responses is in its last event', () => {
    const response = { model: 'gpt-5', usage: null };
    const usage = { input_tokens: 5, input_tokens_details: { cached_tokens: 2 }, output_tokens: 6 };
    expect(
      sse(
        events(
          ['response.created', { type: 'response.created', response }],
          ['response.completed', { type: 'response.completed', response: { ...response, usage } }],
        ),
      ),
    ).toMatchObject({ inputTokens: 5, cachedInputTokens: 2, outputTokens: 6, model: 'gpt-5' });
  });

  it('of Anthropic is in its first and in its last event', () => {
    expect(
      sse(
        events(
          [
            'message_start',
            {
              type: 'message_start',
              message: { ...ANTHROPIC, usage: { ...ANTHROPIC.usage, output_tokens: 1 } },
            },
          ],
          ['ping', { type: 'ping' }],
          ['message_delta', { type: 'message_delta', delta: {}, usage: { output_tokens: 40 } }],
          ['message_stop', { type: 'message_stop' }],
        ),
      ),
    ).toEqual(json(ANTHROPIC));
  });

  it('of Gemini grows with each event', () => {
    expect(
      sse(
        events(
          ['', { ...GEMINI, usageMetadata: { promptTokenCount: 900, candidatesTokenCount: 3 } }],
          ['', GEMINI],
        ),
      ),
    ).toEqual(GEMINI_USAGE);
  });

  it('of Bedrock is in a message of its own', () => {
    const stream = amazonStream(
      ['contentBlockDelta', { delta: { text: 'usage' }, contentBlockIndex: 0 }],
      [
        'metadata',
        { usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 }, metrics: { latencyMs: 5 } },
      ],
    );
    const type = 'application/vnd.amazon.eventstream';
    expect(usageOf(stream, type)).toMatchObject({ inputTokens: 7, outputTokens: 3 });
    expect(usageOf(stream.subarray(0, -1), type)).toBeUndefined();
    const wrapped = (data: unknown) => ({ bytes: btoa(JSON.stringify(data)) });
    const invoked = amazonStream(
      ['chunk', wrapped({ type: 'message_start', message: ANTHROPIC })],
      ['chunk', wrapped({ type: 'message_delta', usage: { output_tokens: 41 } })],
      ['chunk', { bytes: '%' }],
    );
    expect(usageOf(invoked, type)).toMatchObject({ inputTokens: 2312, outputTokens: 41 });
    const metrics = { inputTokenCount: 70, outputTokenCount: 30 };
    const other = amazonStream(['chunk', wrapped({ 'amazon-bedrock-invocationMetrics': metrics })]);
    expect(usageOf(other, type)).toMatchObject({ inputTokens: 70, outputTokens: 30 });
  });

  it('of lines of JSON is read line by line', () => {
    const lines = '{"done":false}\n{"usage":{"prompt_tokens":1,"completion_tokens":2}}\n';
    expect(usageOf(bytes(lines), 'application/x-ndjson')).toMatchObject({ outputTokens: 2 });
  });
});

describe('the usage in a value', () => {
  it.each([
    ['a usage by itself', { prompt_tokens: 3, completion_tokens: 4 }],
    ['an answer', { usage: { prompt_tokens: 3, completion_tokens: 4 } }],
    [
      'AI SDK 5',
      { usage: { inputTokens: 3, cachedInputTokens: 2, outputTokens: 4, totalTokens: 7 } },
    ],
    [
      'AI SDK 6 and 7, of a model',
      {
        usage: {
          inputTokens: { total: 3, noCache: 1, cacheRead: 2, cacheWrite: undefined },
          outputTokens: { total: 4, text: 4, reasoning: undefined },
        },
      },
    ],
    [
      'AI SDK 6 and 7, of generateText',
      {
        inputTokens: 3,
        inputTokenDetails: { cacheReadTokens: 2 },
        outputTokens: 4,
        totalTokens: 7,
      },
    ],
    [
      'a list of parts',
      [{ type: 'text-delta' }, { type: 'finish', usage: { input_tokens: 3, output_tokens: 4 } }],
    ],
  ])('%s', (_, value) => {
    expect(usageIn(value)).toMatchObject({ inputTokens: 3, outputTokens: 4 });
  });

  it('is undefined without a usage', () => {
    for (const value of [undefined, null, 7, 'usage', {}, [], [null], () => 1]) {
      expect(usageIn(value)).toBeUndefined();
    }
  });

  it('has the model of the answer, not of its metadata', () => {
    const answer = {
      metadata: { usage: { prompt_tokens: 999_999, completion_tokens: 999_999 } },
      usage: { prompt_tokens: 7, completion_tokens: 2 },
    };
    expect(usageIn(answer)).toMatchObject({ inputTokens: 7, outputTokens: 2 });
  });

  it('has the tokens that OpenAI wrote to its cache', () => {
    const details = { cached_tokens: 3, cache_write_tokens: 4 };
    const usage = { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: details };
    expect(usageIn({ usage })).toMatchObject({ inputTokens: 9, cacheWriteTokens: 4 });
  });

  it('adds the cached tokens that the input of AI SDK 5 leaves out', () => {
    const usage = { inputTokens: 7, cachedInputTokens: 9000, outputTokens: 2 };
    expect(usageIn({ usage })).toMatchObject({ inputTokens: 9007, cachedInputTokens: 9000 });
  });

  it('is that of all steps of the AI SDK', () => {
    const usage = { inputTokens: 7, outputTokens: 2, cachedInputTokens: 3 };
    const totalUsage = { inputTokens: 20, outputTokens: 5, cachedInputTokens: 8 };
    const all = { inputTokens: 20, outputTokens: 5, cachedInputTokens: 8 };
    expect(usageIn({ totalUsage, usage })).toMatchObject(all);
    expect(usageIn({ type: 'finish', totalUsage })).toMatchObject(all);
  });

  it('never counts more cached tokens than there are', () => {
    const usage = {
      prompt_tokens: 3,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 9 },
    };
    expect(usageIn(usage)).toMatchObject({
      inputTokens: 3,
      cachedInputTokens: 3,
      cacheWriteTokens: 0,
    });
  });
});
