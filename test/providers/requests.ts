/**
 * Requests to the providers that have a preset, for the same small job. The parameters put members
 * at the places where the preset has a path, and into user data.
 */

const TRIP = { from: 'Zürich', to: 'Chur' };

/** Anthropic Messages. */
export function anthropic({
  top = {},
  system = {},
  tool = {},
  text = {},
  use = {},
  result = {},
  page = {},
  input = {},
  schema = {},
} = {}) {
  return {
    model: 'claude-sonnet-4-5',
    max_tokens: 1024,
    system: [{ type: 'text', text: 'You book trains.', ...system }],
    tools: [
      {
        name: 'book',
        description: 'Books a train',
        input_schema: { type: 'object', properties: { from: { type: 'string' }, ...schema } },
        ...tool,
      },
    ],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'To Chur, please', ...text }] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 't1', name: 'book', input: { ...TRIP, ...input }, ...use },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 't1',
            content: [{ type: 'text', text: 'ok', ...result }],
          },
          {
            type: 'document',
            source: { type: 'content', content: [{ type: 'text', text: 'p1', ...page }] },
          },
        ],
      },
    ],
    ...top,
  };
}

/** OpenAI Chat Completions. */
export function openai({ top = {}, args = {}, schema = {}, message = {} } = {}) {
  return {
    model: 'gpt-5',
    messages: [
      { role: 'user', content: 'To Chur, please', ...message },
      {
        role: 'assistant',
        tool_calls: [
          {
            id: 'call_1',
            type: 'function',
            function: { name: 'book', arguments: JSON.stringify({ ...TRIP, ...args }) },
          },
        ],
      },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'book',
          parameters: { type: 'object', properties: { from: { type: 'string' }, ...schema } },
        },
      },
    ],
    ...top,
  };
}

/** Amazon Bedrock Converse. */
export function bedrock({ top = {}, input = {}, schema = {} } = {}) {
  return {
    modelId: 'anthropic.claude-sonnet-4-5-v1:0',
    messages: [
      { role: 'user', content: [{ text: 'To Chur, please' }] },
      {
        role: 'assistant',
        content: [{ toolUse: { toolUseId: 't1', name: 'book', input: { ...TRIP, ...input } } }],
      },
    ],
    toolConfig: {
      tools: [
        {
          toolSpec: {
            name: 'book',
            inputSchema: {
              json: { type: 'object', properties: { from: { type: 'string' }, ...schema } },
            },
          },
        },
      ],
    },
    ...top,
  };
}

/** Gemini generateContent, as the SDK takes it. */
export function gemini({ top = {}, config = {}, args = {}, schema = {} } = {}) {
  return {
    model: 'gemini-2.5-pro',
    contents: [
      { role: 'user', parts: [{ text: 'To Chur, please' }] },
      { role: 'model', parts: [{ functionCall: { name: 'book', args: { ...TRIP, ...args } } }] },
    ],
    config: {
      temperature: 0,
      tools: [{ functionDeclarations: [{ name: 'book', parameters: { properties: schema } }] }],
      ...config,
    },
    ...top,
  };
}
