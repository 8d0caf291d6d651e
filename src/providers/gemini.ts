/** The Gemini API. Sources: ai.google.dev/gemini-api/docs. */
import { membersOf } from './failure.js';
import type { AnswerRules, Members, StateRule, UsageNames } from './provider.js';

/** Members of the SDK's `config` that the SDK does not send. */
export const geminiExclude = ['$.config.httpOptions', '$.config.abortSignal'] as const;

export const geminiCredentialHeaders = ['x-goog-api-key'] as const;

/** The SDK describes itself in it. */
export const geminiVolatileHeaders = ['x-goog-api-client'] as const;

/** docs/troubleshooting, and google.rpc.Code */
export const geminiRetries = {
  statuses: [408, 425, 429, '5xx'],
  codes: ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'],
  // The IDs of daily quotas contain it: GenerateRequestsPerDayPerProjectPerModel.
  finalCodes: ['quota_exceeded', /PerDay/],
} as const;

const candidatesOf = ({ candidates }: Members) =>
  (Array.isArray(candidates) ? candidates : []) as readonly Members[];
const isBlocked = ({ promptFeedback }: Members) =>
  membersOf(promptFeedback).blockReason !== undefined;

/** The members of an answer of generateContent. Another one shows another answer with a usage, as of embedContent. */
const GENERATED: ReadonlySet<string> = new Set([
  'candidates',
  'promptFeedback',
  'usageMetadata',
  'modelVersion',
  'modelStatus',
  'createTime',
  'responseId',
]);

/**
 * api/generate-content. A stream, of events or of the elements of a JSON array, ends with a
 * `finishReason` for every candidate, or with a `blockReason` for the prompt.
 */
export const geminiAnswers: AnswerRules = {
  isOwn: ({ json }) =>
    candidatesOf(json).some(({ content, finishReason }) => content ?? finishReason) ||
    json.promptFeedback !== undefined ||
    json.usageMetadata !== undefined,
  isLast: ({ json }) => isBlocked(json),
  partsOf: (json) =>
    candidatesOf(json).map(({ index, finishReason }, at) => [
      index ?? at,
      finishReason !== undefined && finishReason !== 'FINISH_REASON_UNSPECIFIED',
    ]),
  lastName: 'the finishReason of every candidate',
  verdictOf: (json) =>
    candidatesOf(json).length > 0 ||
    isBlocked(json) ||
    Object.keys(json).some((name) => !GENERATED.has(name))
      ? 'complete'
      : 'unknown',
};

/** The status of an interaction, or in an event about one. Steps have a status of their own. */
const statusOf = (json: Members) => membersOf(json.interaction).status ?? json.status;

/** api/interactions-api. The events of a stream name their type in `event_type`. */
export const geminiInteractions: AnswerRules = {
  isOwn: ({ name, json }) => json.object === 'interaction' || /^interaction\./.test(name ?? ''),
  isFailure: ({ name, json }) => name === 'interaction.failed' || statusOf(json) === 'failed',
  // Some streams tell the end with the status alone.
  isLast: ({ name, json }) =>
    /^interaction\./.test(name ?? '') &&
    /^(?:completed|incomplete|requires_action|budget_exceeded)$/.test(String(statusOf(json))),
  lastName: 'interaction.completed',
  verdictOf: ({ status }) => (status === 'cancelled' ? 'unknown' : 'complete'),
};

/** The tokens of tool results and of reasoning are counted apart. */
export const geminiUsage: UsageNames = {
  usageMembers: ['usageMetadata'],
  modelMembers: ['modelVersion'],
  input: [['promptTokenCount', 'toolUsePromptTokenCount']],
  cacheRead: ['cachedContentTokenCount'],
  output: [['candidatesTokenCount', 'thoughtsTokenCount']],
};

/** `/models/ID:generateContent` */
export const geminiModelPath = /\/models\/([^/:?]+(?::\d+)?)(?=[/:?]|$)/i;

/** ai.google.dev/gemini-api/docs/caching, …/interactions; Vertex AI: Agent Engine sessions, prompt management. */
export const geminiState: readonly StateRule[] = [
  {
    what: 'a context cache',
    path: /:(?:stream)?generateContent$/i,
    members: ['cachedContent', 'cached_content'],
  },
  { what: 'a new context cache', path: /\/cachedContents$/ },
  {
    what: 'an earlier interaction',
    path: /\/interactions$/,
    members: ['previous_interaction_id', 'previousInteractionId'],
  },
  { what: 'a session', path: /\/sessions(?:\/[^/:]+)?:\w+$/ },
  {
    what: 'an agent and its sessions',
    path: /\/reasoningEngines\/[^/:]+(?:\/sessions$|:(?:query|streamQuery)$)/,
  },
  // Its content comes later.
  {
    what: 'a new upload',
    path: /\/upload\/v\d\w*\/files$/,
    header: ['x-goog-upload-command', /start/],
  },
  { what: 'a token that expires', path: /\/(?:authTokens|auth_tokens)$/ },
];
