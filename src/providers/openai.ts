/** The OpenAI API. Sources: platform.openai.com/docs. */
import type { AnswerRules, BatchFormat, StateRule, UsageNames } from './provider.js';

/** Cache routing and the service tier: they change the price of an answer, not the answer. */
export const openaiExclude = [
  '$.prompt_cache_key',
  '$.prompt_cache_retention',
  '$.service_tier',
] as const;

/** Beside `authorization`: the header of Azure OpenAI. */
export const openaiCredentialHeaders = ['api-key'] as const;

export const openaiVolatileHeaders = ['x-client-request-id'] as const;

/** The SDK describes itself and counts its retries in these headers. */
export const openaiVolatilePrefixes = ['x-stainless-'] as const;

/** docs/guides/error-codes */
export const openaiRetries = {
  statuses: [408, 409, 425, 429, '5xx'],
  codes: ['rate_limit_exceeded', 'server_error'],
  // The type of all of them is, or was, insufficient_quota. The code tells them apart.
  finalCodes: [
    'insufficient_quota',
    'billing_hard_limit_reached',
    'billing_not_active',
    'credit_balance_exhausted',
    'organization_spend_limit_exceeded',
    'project_spend_limit_exceeded',
    'organization_usage_limit_exceeded',
  ],
} as const;

/**
 * The Responses API (docs/api-reference/responses-streaming). `response.incomplete` ends an answer that
 * reached its token limit.
 */
export const openaiResponses: AnswerRules = {
  isOwn: ({ name, json }) => /^response\./.test(name ?? '') || json.object === 'response',
  isFailure: ({ name, json }) =>
    name === 'response.failed' || (json.object === 'response' && json.status === 'failed'),
  isLast: ({ name }) => name === 'response.completed' || name === 'response.incomplete',
  lastName: 'response.completed',
  verdictOf: ({ status }) => (status === 'cancelled' ? 'unknown' : 'complete'),
};

/** Streams of images, speech and transcriptions (openai 7.59.0: resources/images.ts, audio/*.ts). */
export const openaiMedia: AnswerRules = {
  isOwn: ({ name }) =>
    /^(?:image_generation|image_edit|speech\.audio|transcript\.text)\./.test(name ?? ''),
  isLast: ({ name }) => /^(?:image_\w+\.completed|\w+\.\w+\.done)$/.test(name ?? ''),
  lastName: 'its completed or done event',
};

/** A stream of the Responses API ends with a `response` that carries the usage. */
export const openaiUsage: UsageNames = {
  usageMembers: ['usage'],
  envelopes: ['response'],
  modelMembers: ['model'],
  details: ['prompt_tokens_details', 'input_tokens_details'],
  cacheReadInDetails: ['cached_tokens'],
  cacheWriteInDetails: ['cache_write_tokens'],
  input: [['prompt_tokens']],
  inputOrUncached: ['input_tokens'],
  output: [['completion_tokens'], ['output_tokens']],
};

const EMBEDDINGS = '/v1/embeddings';

/** docs/api-reference/batch/create, 2026; 200 MB in the smaller reading of a megabyte. */
export const openaiBatch: BatchFormat<'body'> = {
  maxRequests: 50_000,
  maxBytes: 200e6,
  bodyMember: 'body',
  /** A file is for one URL and one model. For embeddings every input counts as a request. */
  routeOf(url, body) {
    const { model, input } = body as { readonly model?: unknown; readonly input?: unknown };
    const inputCount =
      url === EMBEDDINGS && Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
    const group = `${url} ${JSON.stringify(model) ?? ''}`;
    return { url, group, weight: Math.max(1, inputCount) };
  },
  line: (customId, url, body) =>
    `{"custom_id":"${customId}","method":"POST","url":${JSON.stringify(url)},"body":${body}}`,
};

const OPENAI_HOSTS = /(?:^|\.)(?:openai\.com|openai\.azure\.com|cognitiveservices\.azure\.com)$/;

/** docs/guides/conversation-state, docs/api-reference/assistants, docs/guides/prompting, openai 7.59.0 */
export const openaiState: readonly StateRule[] = [
  {
    what: 'a conversation, an earlier response, a stored prompt, a container',
    path: /\/responses$/,
    members: ['conversation', 'previous_response_id', 'prompt.id', 'tools[].container'],
  },
  {
    what: 'a conversation',
    path: /\/conversations\/(?:conv_\w+|[^/]+\/items)(?:\/|$)/,
  },
  // A conversation of Mistral starts with an answer of a model.
  { what: 'a new conversation', path: /\/v1\/conversations$/, without: ['model'] },
  {
    what: 'a thread and its runs',
    path: /\/threads\/(?:thread_\w+|runs|[^/]+\/(?:messages|runs))(?:\/|$)/,
  },
  {
    what: 'a new thread',
    path: /\/threads$/,
    hosts: OPENAI_HOSTS,
    header: ['openai-beta', /assistants/],
    members: ['messages'],
  },
  {
    what: 'a session whose secret expires',
    path: /\/(?:realtime\/(?:sessions|transcription_sessions|client_secrets)|chatkit\/sessions)$/,
  },
  // docs/api-reference/uploads: its content comes later, and it expires after an hour.
  {
    what: 'a new upload of several parts',
    path: /\/uploads$/,
    hosts: OPENAI_HOSTS,
    members: ['purpose'],
  },
  // It can be detached and attached again.
  { what: 'a file of a vector store', path: /\/vector_stores\/[^/]+\/(?:files|file_batches)$/ },
  {
    what: 'the state of a fine-tuning job',
    path: /\/fine_tuning\/jobs\/[^/]+\/(?:pause|resume)$/,
  },
];
