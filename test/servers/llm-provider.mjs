/**
 * A provider of language models on this machine, for the real SDKs: it answers in the dialect of the
 * path (OpenAI Chat Completions and Responses, Anthropic, Gemini, Cohere v2, Bedrock Converse, Ollama)
 * and fails as `fault` says. Every answer says how many requests the provider had received: `call 1`.
 */
import { createServer } from 'node:http';
import { crc32 } from 'node:zlib';

/**
 * - a number: this status; `retryAfter`: 429 with this header, in seconds
 * - `reset`, `closed`: does the work, then resets or closes the connection before its answer
 * - `late`: answers when `release` is called
 * - `cutByReset`, `cutCleanly`: half of a stream, then the connection breaks or the body ends
 *
 * @typedef {number | {retryAfter: number} | 'none' | 'reset' | 'closed' | 'late' | 'cutByReset' | 'cutCleanly'} Fault
 *
 * @typedef {{headers: Record<string, unknown>, body: string}} Received
 *
 * @typedef {{name: string, arguments: string}} ToolCall
 *
 * @typedef {object} Dialect
 * @property {RegExp} path
 * @property {string} [type] the content type of its streams
 * @property {(url: string, body: any) => boolean} [isStream]
 * @property {(text: string, call?: ToolCall) => object} whole an answer: a text, or the call of a tool
 * @property {(text: string) => (string | Uint8Array)[]} parts the same answer as the chunks of a stream
 */

const isStreamed = (/** @type {string} */ _, /** @type {any} */ body) => body.stream === true;
const sse = (/** @type {unknown} */ data) => `data: ${JSON.stringify(data)}\n\n`;
const named = (/** @type {{type: string}} */ data) => `event: ${data.type}\n${sse(data)}`;
const halves = (/** @type {string} */ text) => [text.slice(0, 3), text.slice(3)];

const chat = { id: 'c', created: 1, model: 'm', system_fingerprint: 'f' };
const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

const inputOf = (/** @type {ToolCall} */ call) => JSON.parse(call.arguments);

/** The `Response` object of OpenAI. */
const response = (/** @type {string} */ status, /** @type {unknown[]} */ output) => ({
  id: 'r',
  object: 'response',
  created_at: 1,
  status,
  model: 'm',
  output,
  parallel_tool_calls: false,
  tools: [],
  usage: {
    input_tokens: 1,
    output_tokens: 1,
    total_tokens: 2,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  },
});
const outputText = (/** @type {string} */ text) => ({ type: 'output_text', text, annotations: [] });
const outputMessage = (/** @type {string} */ text, status = 'completed') => ({
  type: 'message',
  id: 'o',
  status,
  role: 'assistant',
  content: text === '' ? [] : [outputText(text)],
});

/** One frame of an AWS event stream: its headers are texts (type 7). */
function frame(/** @type {string} */ event, /** @type {object} */ payload) {
  const headers = Buffer.concat(
    Object.entries({
      ':event-type': event,
      ':content-type': 'application/json',
      ':message-type': 'event',
    }).map(([name, value]) => {
      const size = Buffer.alloc(2);
      size.writeUInt16BE(value.length);
      return Buffer.concat([
        Buffer.from([name.length]),
        Buffer.from(name),
        Buffer.from([7]),
        size,
        Buffer.from(value),
      ]);
    }),
  );
  const body = Buffer.from(JSON.stringify(payload));
  const bytes = Buffer.alloc(12 + headers.length + body.length + 4);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  headers.copy(bytes, 12);
  body.copy(bytes, 12 + headers.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

const geminiPart = (
  /** @type {object} */ part,
  /** @type {string | undefined} */ finishReason,
) => ({
  candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  modelVersion: 'm',
});

/** @type {Dialect[]} */
const DIALECTS = [
  {
    path: /\/chat\/completions$/,
    isStream: isStreamed,
    whole: (text, call) => ({
      ...chat,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          finish_reason: call ? 'tool_calls' : 'stop',
          message: {
            role: 'assistant',
            content: call ? null : text,
            ...(call && { tool_calls: [{ id: 'toolcall1', type: 'function', function: call }] }),
          },
        },
      ],
      usage,
    }),
    parts: (text) => [
      ...[...halves(text), ''].map((content, number) =>
        sse({
          ...chat,
          object: 'chat.completion.chunk',
          choices: [
            {
              index: 0,
              delta: number === 0 ? { role: 'assistant', content } : { content },
              finish_reason: content === '' ? 'stop' : null,
            },
          ],
        }),
      ),
      'data: [DONE]\n\n',
    ],
  },
  {
    path: /\/responses$/,
    isStream: isStreamed,
    whole: (text, call) =>
      response('completed', [
        call
          ? { type: 'function_call', id: 'f', call_id: 'toolcall1', status: 'completed', ...call }
          : outputMessage(text),
      ]),
    parts: (text) => {
      const at = { item_id: 'o', output_index: 0, content_index: 0 };
      const [first, second] = halves(text).map((delta) => ({
        ...at,
        type: 'response.output_text.delta',
        delta,
        logprobs: [],
      }));
      return [
        { type: 'response.created', response: response('in_progress', []) },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: outputMessage('', 'in_progress'),
        },
        { ...at, type: 'response.content_part.added', part: outputText('') },
        first,
        second,
        { ...at, type: 'response.output_text.done', text, logprobs: [] },
        { ...at, type: 'response.content_part.done', part: outputText(text) },
        { type: 'response.output_item.done', output_index: 0, item: outputMessage(text) },
        { type: 'response.completed', response: response('completed', [outputMessage(text)]) },
      ].map((event, sequence_number) => named({ ...event, sequence_number }));
    },
  },
  {
    path: /\/messages$/,
    isStream: isStreamed,
    whole: (text, call) => ({
      id: 'm',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [
        call
          ? { type: 'tool_use', id: 'toolcall1', name: call.name, input: inputOf(call) }
          : { type: 'text', text },
      ],
      stop_reason: call ? 'tool_use' : 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    }),
    parts: (text) => {
      const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [] };
      const end = { stop_reason: null, stop_sequence: null };
      return [
        {
          type: 'message_start',
          message: { ...message, ...end, usage: { input_tokens: 1, output_tokens: 1 } },
        },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        ...halves(text).map((half) => ({
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'text_delta', text: half },
        })),
        { type: 'content_block_stop', index: 0 },
        {
          type: 'message_delta',
          delta: { ...end, stop_reason: 'end_turn' },
          usage: { output_tokens: 1 },
        },
        { type: 'message_stop' },
      ].map(named);
    },
  },
  {
    path: /:(streamG|g)enerateContent$/,
    isStream: (path) => path.includes(':stream'),
    // Without an `id`, as the Gemini API answers.
    whole: (text, call) =>
      geminiPart(
        call ? { functionCall: { name: call.name, args: inputOf(call) } } : { text },
        'STOP',
      ),
    parts: (text) =>
      halves(text).map((half, number) =>
        sse(geminiPart({ text: half }, number === 1 ? 'STOP' : undefined)),
      ),
  },
  {
    path: /\/v2\/chat$/,
    isStream: isStreamed,
    whole: (text, call) => ({
      id: 'm',
      generation_id: 'm',
      finish_reason: call ? 'TOOL_CALL' : 'COMPLETE',
      message: {
        role: 'assistant',
        ...(call
          ? { tool_calls: [{ id: 'toolcall1', type: 'function', function: call }] }
          : { content: [{ type: 'text', text }] }),
      },
      usage: { tokens: { input_tokens: 1, output_tokens: 1 } },
    }),
    parts: (text) =>
      [
        { type: 'message-start', id: 'm', delta: { message: { role: 'assistant', content: [] } } },
        {
          type: 'content-start',
          index: 0,
          delta: { message: { content: { type: 'text', text: '' } } },
        },
        ...halves(text).map((half) => ({
          type: 'content-delta',
          index: 0,
          delta: { message: { content: { text: half } } },
        })),
        { type: 'content-end', index: 0 },
        {
          type: 'message-end',
          delta: {
            finish_reason: 'COMPLETE',
            usage: { tokens: { input_tokens: 1, output_tokens: 1 } },
          },
        },
      ].map(named),
  },
  {
    path: /\/converse(-stream)?$/,
    type: 'application/vnd.amazon.eventstream',
    isStream: (path) => path.endsWith('-stream'),
    whole: (text, call) => ({
      output: {
        message: {
          role: 'assistant',
          content: [
            call
              ? { toolUse: { toolUseId: 'toolcall1', name: call.name, input: inputOf(call) } }
              : { text },
          ],
        },
      },
      stopReason: call ? 'tool_use' : 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
      metrics: { latencyMs: 1 },
    }),
    parts: (text) => [
      frame('messageStart', { role: 'assistant' }),
      ...halves(text).map((half) =>
        frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: half } }),
      ),
      frame('contentBlockStop', { contentBlockIndex: 0 }),
      frame('messageStop', { stopReason: 'end_turn' }),
      frame('metadata', {
        usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
        metrics: { latencyMs: 1 },
      }),
    ],
  },
  {
    path: /\/api\/chat$/,
    type: 'application/x-ndjson',
    isStream: (_, body) => body.stream !== false,
    whole: (content) => ({
      model: 'm',
      created_at: '2026-01-01T00:00:00Z',
      message: { role: 'assistant', content },
      done: true,
      done_reason: 'stop',
    }),
    parts: (text) =>
      [...halves(text), ''].map((content) => {
        const line = {
          model: 'm',
          created_at: '2026-01-01T00:00:00Z',
          message: { role: 'assistant', content },
          done: content === '',
        };
        return `${JSON.stringify(line)}\n`;
      }),
  },
];

/** A result of a tool in a request, in any dialect. */
const TOOL_RESULT = /"role":"tool"|"tool_result"|function_call_output|functionResponse|toolResult/;

/** The exceptions of Amazon Bedrock by their status. */
const AWS_EXCEPTIONS = /** @type {Record<number, string>} */ ({
  400: 'ValidationException',
  408: 'ModelTimeoutException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  503: 'ServiceUnavailableException',
});

/**
 * An error in a shape that every SDK reads: OpenAI's, with the `type` of Anthropic and the `message` of
 * Cohere and AWS.
 */
function errorBody(/** @type {number} */ status) {
  const message = `The provider answers with ${status}.`;
  const error = { type: 'api_error', message, code: status, status: 'FAILED' };
  return JSON.stringify({ type: 'error', message, error });
}

/** `toolCall` returns the call with which a request that offers tools is answered. */
export async function startProvider(
  /** @type {(requestCount: number) => ToolCall} */ toolCall = () => ({
    name: 'look',
    arguments: '{}',
  }),
) {
  /** @type {Received[]} */
  const requests = [];
  /** @type {(() => void)[]} */
  let held = [];
  /** @type {(() => void)[]} */
  let cuts = [];
  /** @type {{fault: Fault}} */
  const state = { fault: 'none' };

  const server = createServer(async (request, reply) => {
    let text = '';
    try {
      for await (const chunk of request) text += chunk;
    } catch {
      return;
    }
    requests.push({ headers: request.headers, body: text });
    const { fault } = state;
    const answer = `call ${requests.length}`;
    const body = JSON.parse(text);
    const path = new URL(request.url ?? '', 'http://localhost').pathname;
    const dialect = DIALECTS.find((each) => each.path.test(path));
    if (dialect === undefined) {
      reply.writeHead(404).end(`The fake provider has no ${path}.`);
      return;
    }
    if (typeof fault !== 'string') {
      const status = typeof fault === 'number' ? fault : 429;
      reply.writeHead(status, {
        'content-type': 'application/json',
        ...(typeof fault === 'object' && { 'retry-after': String(fault.retryAfter) }),
        ...(path.includes('/converse') && {
          'x-amzn-errortype': AWS_EXCEPTIONS[status] ?? 'UnknownException',
        }),
      });
      reply.end(errorBody(status));
      return;
    }
    if (fault === 'reset' || fault === 'closed') {
      if (fault === 'reset') request.socket.resetAndDestroy();
      else request.socket.destroy();
      return;
    }
    if (fault === 'late') await new Promise((resolve) => held.push(() => resolve(undefined)));
    if (!dialect.isStream?.(path, body)) {
      // A request that offers tools and has no result of one yet is answered with a call.
      const offered = body.tools ?? body.toolConfig?.tools ?? [];
      const isCalling = offered.length > 0 && !TOOL_RESULT.test(text);
      reply.writeHead(200, { 'content-type': 'application/json' });
      reply.end(
        JSON.stringify(dialect.whole(answer, isCalling ? toolCall(requests.length) : undefined)),
      );
      return;
    }
    const parts = dialect.parts(answer);
    reply.writeHead(200, { 'content-type': dialect.type ?? 'text/event-stream' });
    if (fault !== 'cutByReset' && fault !== 'cutCleanly') {
      for (const part of parts) reply.write(part);
      reply.end();
      return;
    }
    const [half] = halves(answer);
    const cutAt = parts.findIndex((part) => part.toString().includes(`"${half}"`)) + 1;
    for (const part of parts.slice(0, cutAt)) reply.write(part);
    if (fault === 'cutCleanly') reply.end();
    // A reset discards what the client has not read yet: `cut` waits until it has read the first half.
    else cuts.push(() => request.socket.resetAndDestroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

  return {
    /** What the provider has received. */
    requests,
    state,
    /** Answers the requests that `late` has kept waiting. Returns whether there were any. */
    release() {
      const waiting = held;
      held = [];
      for (const answer of waiting) answer();
      return waiting.length > 0;
    },
    /** Breaks the streams of `cutByReset`. Returns whether there were any. */
    cut() {
      const broken = cuts;
      cuts = [];
      for (const reset of broken) reset();
      return broken.length > 0;
    },
    /** Like the platform's `fetch`, but whatever the host of the URL, the request goes to this provider. */
    fetch: (/** @type {typeof fetch} */ platformFetch) =>
      /** @type {typeof fetch} */ (
        async (input, init) => {
          const request = input instanceof Request ? input : undefined;
          const { pathname, search } = new URL(request?.url ?? String(input));
          const url = `http://127.0.0.1:${port}${pathname}${search}`;
          return platformFetch(request ? new Request(url, request) : url, init);
        }
      ),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve(undefined));
        server.closeAllConnections();
      }),
  };
}
