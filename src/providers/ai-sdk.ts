/** The AI SDK (npm: ai), which names the tokens of every provider in its own way. */
import type { UsageNames } from './provider.js';

/** The SDK keeps the model of an answer in `response`, and the provider's own usage in `metadata`. */
export const aiSdkUsage: UsageNames = {
  // `usage` of a text of several steps is that of the last one. The later name counts.
  usageMembers: ['usage', 'totalUsage'],
  envelopes: ['response'],
  modelMembers: ['modelId'],
  details: ['inputTokenDetails'],
  cacheReadInDetails: ['cacheReadTokens'],
  cacheWriteInDetails: ['cacheWriteTokens'],
  inputOrUncached: ['inputTokens'],
  cacheReadOfTotal: ['cachedInputTokens'],
  output: [['outputTokens']],
};

/**
 * Members of `providerOptions`, of any provider, that name state at the provider: an earlier response or
 * a conversation (@ai-sdk/openai 4.0.118, azure, xai), a context cache and an earlier interaction
 * (@ai-sdk/google 4.0.121), a container (@ai-sdk/anthropic 4.0.105).
 */
export const aiSdkStateMembers = [
  'previousResponseId',
  'conversation',
  'cachedContent',
  'previousInteractionId',
  'container',
] as const;
