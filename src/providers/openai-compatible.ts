/** The Chat Completions API, which OpenAI, Groq, DeepSeek, vLLM and many others serve. */
import type { StreamDialect, UsageNames } from './provider.js';

/** The data of the last event. */
export const DONE = '[DONE]';

/** Chat Completions and the older Completions. Every event names its object. */
export const chatCompletionsStream: StreamDialect = {
  isFirst: (_, data) =>
    /^\s*\{/.test(data) && /"object"\s*:\s*"(?:chat|text)[._]completion/.test(data),
  isLast: (_, data) => data === DONE,
  lastName: DONE,
};

export const openaiCompatibleUsage: UsageNames = {
  // Groq's streams.
  envelopes: ['x_groq'],
  // DeepSeek.
  cacheRead: ['prompt_cache_hit_tokens'],
};
