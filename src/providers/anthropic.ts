/** The Anthropic API. Sources: platform.claude.com/docs. */
import type { AnswerRules, BatchFormat, StateRule, UsageNames } from './provider.js';

/** Cache marks and the service tier: they change the price of an answer, not the answer. */
export const anthropicExclude = [
  '$.cache_control',
  '$.system[*].cache_control',
  '$.tools[*].cache_control',
  '$.messages[*].content[*].cache_control',
  // Blocks inside a tool result, and inside a document whose source is made of blocks.
  '$.messages[*].content[*].content[*].cache_control',
  '$.messages[*].content[*].source.content[*].cache_control',
  '$.service_tier',
] as const;

export const anthropicCredentialHeaders = ['x-api-key'] as const;

/** The SDK describes itself and counts its retries in these headers. */
export const anthropicVolatilePrefixes = ['x-stainless-'] as const;

/** docs/en/api/errors */
export const anthropicRetries = {
  // 529 is overloaded_error. A 409 is a conflict with another request, which ends soon.
  statuses: [408, 409, 425, 429, '5xx'],
  codes: ['rate_limit_error', 'overloaded_error', 'api_error', 'timeout_error'],
  // A 429 of the type rate_limit_error like all others, but it lasts until the first of the month.
  finalCodes: ['enforced_spend_limit_reached', 'billing_error'],
} as const;

/** docs/en/build-with-claude/streaming. A stream ends with `message_stop`. */
export const anthropicAnswers: AnswerRules = {
  isOwn: ({ name }) => /^(?:message_(?:start|delta|stop)|content_block_\w+)$/.test(name ?? ''),
  isLast: ({ name }) => name === 'message_stop',
  lastName: 'message_stop',
};

/** The older text completions (docs/en/api/completions): the last event has a `stop_reason`. */
export const anthropicCompletions: AnswerRules = {
  isOwn: ({ name, json }) => name === 'completion' && typeof json.completion === 'string',
  isLast: ({ json }) => typeof json.stop_reason === 'string',
  lastName: 'its stop_reason',
};

/** A stream starts with a `message` that carries the usage so far. `input_tokens` excludes the cache. */
export const anthropicUsage: UsageNames = {
  usageMembers: ['usage'],
  envelopes: ['message'],
  modelMembers: ['model'],
  inputOrUncached: ['input_tokens'],
  cacheRead: ['cache_read_input_tokens'],
  cacheWrite: ['cache_creation_input_tokens'],
  output: [['output_tokens']],
};

/** docs/en/build-with-claude/batch-processing, 2026; 256 MB in the smaller reading of a megabyte. */
export const anthropicBatch: BatchFormat<'params'> = {
  maxRequests: 100_000,
  maxBytes: 256e6,
  bodyMember: 'params',
  // Requests of all models may share a batch.
  fixedRoute: { url: '/v1/messages', group: '', weight: 1 },
  line: (customId, _, body) => `{"custom_id":"${customId}","params":${body}}`,
};

/** docs/en/agents-and-tools/tool-use/code-execution-tool: a container keeps files between requests. */
export const anthropicState: readonly StateRule[] = [
  {
    what: 'a container of the code execution tool',
    path: /\/messages$/,
    members: ['container.id', 'container'],
  },
  {
    what: 'a session of an agent',
    path: /\/v1\/sessions(?:\/|$)/,
    header: ['anthropic-version', /./],
  },
];
