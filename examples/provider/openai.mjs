/** OpenAI's dialect: `/v1/chat/completions` and `/v1/responses`. */
import { pieces, Refusal, reply, sse, textOf, tokensOf } from './reply.mjs';

export function error(status, message) {
  const type =
    status === 429 ? 'requests' : status < 500 ? 'invalid_request_error' : 'server_error';
  return {
    error: { message, type, param: null, code: status === 429 ? 'rate_limit_exceeded' : null },
  };
}

const nowSeconds = () => Math.floor(Date.now() / 1000);

/**
 * Returns the completion that answers a request.
 *
 * @param {object} request
 * @param {{ bill(): number, minChars: number }} provider bills every request that it does not refuse
 */
export function completion(request, { bill, minChars }) {
  const { model, messages } = request;
  if (typeof model !== 'string') throw new Refusal(400, 'you must provide a model parameter');
  if (!Array.isArray(messages)) {
    throw new Refusal(400, "Missing required parameter: 'messages'.");
  }
  const last = messages.at(-1);
  const isToolResult = last?.role === 'tool';
  const tool = isToolResult || request.tool_choice === 'none' ? undefined : request.tools?.[0];
  const number = bill();
  const said = reply({
    number,
    question: isToolResult ? 'the result of the tool' : textOf(last?.content),
    tool: tool?.function && { name: tool.function.name, schema: tool.function.parameters },
    size: tokensOf(JSON.stringify(messages)),
    minChars,
  });
  const answer = said.toolCall
    ? {
        content: null,
        tool_calls: [
          {
            id: `call_${number}`,
            type: 'function',
            function: {
              name: said.toolCall.name,
              arguments: JSON.stringify(said.toolCall.arguments),
            },
          },
        ],
      }
    : { content: said.text };
  const whole = {
    id: `chatcmpl-${number}`,
    object: 'chat.completion',
    created: nowSeconds(),
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', refusal: null, ...answer },
        logprobs: null,
        finish_reason: said.toolCall ? 'tool_calls' : 'stop',
      },
    ],
    usage: {
      prompt_tokens: said.inputTokens,
      completion_tokens: said.outputTokens,
      total_tokens: said.inputTokens + said.outputTokens,
    },
    system_fingerprint: 'fp_fake',
  };
  return { whole, words: said.words };
}

/** Returns the same as the events of a stream. Usage is included only if the request asks for it. */
export function completionEvents({ whole, words }, { stream_options: options }) {
  const { usage, choices, ...head } = whole;
  const [{ message, finish_reason }] = choices;
  const chunk = (delta, end = null) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: end }],
    ...(options?.include_usage && { usage: null }),
  });
  const [call] = message.tool_calls ?? [];
  const deltas = call
    ? [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ index: 0, ...call, function: { ...call.function, arguments: '' } }],
        },
        ...pieces(call.function.arguments).map((text) => ({
          tool_calls: [{ index: 0, function: { arguments: text } }],
        })),
      ]
    : [{ role: 'assistant', content: '' }, ...words.map((content) => ({ content }))];
  return [
    ...deltas.map((delta) => chunk(delta)),
    chunk({}, finish_reason),
    ...(options?.include_usage
      ? [{ ...head, object: 'chat.completion.chunk', choices: [], usage }]
      : []),
    '[DONE]',
  ].map((event) => sse(event));
}

/** Returns the response (of the Responses API) that answers a request. */
export function response(request, { bill, minChars }) {
  const { model, input } = request;
  if (typeof model !== 'string') throw new Refusal(400, "Missing required parameter: 'model'.");
  if (input === undefined) throw new Refusal(400, "Missing required parameter: 'input'.");
  const last = typeof input === 'string' ? { content: input } : input.at(-1);
  const isToolResult = last?.type === 'function_call_output';
  const tool = isToolResult || request.tool_choice === 'none' ? undefined : request.tools?.[0];
  const number = bill();
  const said = reply({
    number,
    question: isToolResult ? 'the result of the tool' : textOf(last?.content),
    tool: tool && { name: tool.name, schema: tool.parameters },
    size: tokensOf(JSON.stringify(input)),
    minChars,
  });
  const item = said.toolCall
    ? {
        type: 'function_call',
        id: `fc_${number}`,
        call_id: `call_${number}`,
        name: said.toolCall.name,
        arguments: JSON.stringify(said.toolCall.arguments),
        status: 'completed',
      }
    : {
        type: 'message',
        id: `msg_${number}`,
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: said.text, annotations: [] }],
      };
  const whole = {
    id: `resp_${number}`,
    object: 'response',
    created_at: nowSeconds(),
    status: 'completed',
    error: null,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    metadata: request.metadata ?? {},
    model,
    output: [item],
    parallel_tool_calls: true,
    temperature: request.temperature ?? 1,
    tool_choice: request.tool_choice ?? 'auto',
    tools: request.tools ?? [],
    top_p: request.top_p ?? 1,
    usage: {
      input_tokens: said.inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: said.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: said.inputTokens + said.outputTokens,
    },
  };
  return { whole, words: said.words };
}

/** Returns the same as the events of a stream. */
export function responseEvents({ whole, words }) {
  const [item] = whole.output;
  const begun = { ...whole, status: 'in_progress', output: [], usage: null };
  const at = { item_id: item.id, output_index: 0 };
  const events = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...(item.type === 'message' ? textEvents(item, at, words) : callEvents(item, at)),
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: whole },
  ];
  return events.map((event, sequence_number) => sse({ ...event, sequence_number }, event.type));
}

function textEvents(item, at, words) {
  const [part] = item.content;
  const where = { ...at, content_index: 0 };
  return [
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...where, part: { ...part, text: '' } },
    ...words.map((delta) => ({
      type: 'response.output_text.delta',
      ...where,
      delta,
      logprobs: [],
    })),
    { type: 'response.output_text.done', ...where, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...where, part },
  ];
}

function callEvents(item, at) {
  return [
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', arguments: '' },
    },
    ...pieces(item.arguments).map((delta) => ({
      type: 'response.function_call_arguments.delta',
      ...at,
      delta,
    })),
    {
      type: 'response.function_call_arguments.done',
      ...at,
      name: item.name,
      arguments: item.arguments,
    },
  ];
}
