/** Anthropic's dialect: `/v1/messages`. */
import { pieces, Refusal, reply, sse, textOf, tokensOf } from './reply.mjs';

const ERROR_TYPES = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

export function error(status, message, id) {
  const type = ERROR_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message }, request_id: id };
}

/**
 * Returns the message that answers a request.
 *
 * @param {object} request
 * @param {{ bill(): number, minChars: number }} provider bills every request that it does not refuse
 */
export function message(request, { bill, minChars }) {
  const { model, messages, max_tokens: maxTokens } = request;
  if (typeof model !== 'string') throw new Refusal(400, 'model: Field required');
  if (!Array.isArray(messages)) throw new Refusal(400, 'messages: Field required');
  if (typeof maxTokens !== 'number') throw new Refusal(400, 'max_tokens: Field required');
  const last = messages.at(-1);
  const isToolResult =
    Array.isArray(last?.content) && last.content.some(({ type }) => type === 'tool_result');
  const tool =
    isToolResult || request.tool_choice?.type === 'none' ? undefined : request.tools?.[0];
  const number = bill();
  const said = reply({
    number,
    question: isToolResult ? 'the result of the tool' : textOf(last?.content),
    tool: tool && { name: tool.name, schema: tool.input_schema },
    size: tokensOf(JSON.stringify(messages)),
    minChars,
  });
  const content = said.toolCall
    ? {
        type: 'tool_use',
        id: `toolu_${number}`,
        name: said.toolCall.name,
        input: said.toolCall.arguments,
      }
    : { type: 'text', text: said.text };
  const whole = {
    id: `msg_${number}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [content],
    stop_reason: said.toolCall ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: said.inputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: said.outputTokens,
    },
  };
  return { whole, words: said.words };
}

/** Returns the same message as the events of a stream. */
export function messageEvents({ whole, words }) {
  const [content] = whole.content;
  const isTool = content.type === 'tool_use';
  const deltas = isTool
    ? pieces(JSON.stringify(content.input)).map((partial_json) => ({
        type: 'input_json_delta',
        partial_json,
      }))
    : words.map((text) => ({ type: 'text_delta', text }));
  const events = [
    {
      type: 'message_start',
      message: {
        ...whole,
        content: [],
        stop_reason: null,
        usage: { ...whole.usage, output_tokens: 1 },
      },
    },
    {
      type: 'content_block_start',
      index: 0,
      content_block: isTool ? { ...content, input: {} } : { type: 'text', text: '' },
    },
    { type: 'ping' },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: whole.stop_reason, stop_sequence: null },
      usage: { output_tokens: whole.usage.output_tokens },
    },
    { type: 'message_stop' },
  ];
  return events.map((event) => sse(event, event.type));
}
