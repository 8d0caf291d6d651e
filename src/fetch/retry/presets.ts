import { anthropicRetries } from '../../providers/anthropic.js';
import { bedrockRetries } from '../../providers/bedrock.js';
import { geminiRetries } from '../../providers/gemini.js';
import { openaiRetries } from '../../providers/openai.js';
import type { RetryRules } from './options.js';

/**
 * The answers that each provider documents as worth a retry, and those that are not although their
 * status suggests it: a spent budget is still spent a second later.
 */
export const retryPolicies = {
  anthropic: anthropicRetries,
  openai: openaiRetries,
  bedrock: bedrockRetries,
  gemini: geminiRetries,
} as const satisfies Record<string, RetryRules>;
