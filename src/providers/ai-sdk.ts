/** The AI SDK (npm: ai), which names the tokens of every provider in its own way. */
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
