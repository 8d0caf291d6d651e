/** The Gemini API. Sources: ai.google.dev/gemini-api/docs. */
import type { UsageNames } from './provider.js';

/** Members of the SDK's `config` that the SDK does not send. */
export const geminiExclude = ['$.config.httpOptions', '$.config.abortSignal'] as const;

export const geminiCredentialHeaders = ['x-goog-api-key'] as const;

/** The SDK describes itself in it. */
export const geminiVolatileHeaders = ['x-goog-api-client'] as const;

/** docs/troubleshooting, and google.rpc.Code */
export const geminiRetries = {
  statuses: [408, 429, '5xx'],
  codes: ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'],
  // The IDs of daily quotas contain it: GenerateRequestsPerDayPerProjectPerModel.
  finalCodes: ['quota_exceeded', /PerDay/],
} as const;

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
