/** How the AI SDK (npm: ai) names the tokens of an answer, whichever provider made it. */
import type { UsageNames } from './provider.js';

/** The SDK keeps the model of an answer in `response`, and the provider's own usage in `metadata`. */
export const aiSdkUsage: UsageNames = {
  usageMembers: ['usage'],
  envelopes: ['response'],
  modelMembers: ['modelId'],
  details: ['inputTokenDetails'],
  cacheReadInDetails: ['cacheReadTokens'],
  cacheWriteInDetails: ['cacheWriteTokens'],
  inputOrUncached: ['inputTokens'],
  cacheReadOfTotal: ['cachedInputTokens'],
  output: [['outputTokens']],
};
