/**
 * Lists the APIs by concern. Each entry comes from the file of its API. The identity presets are in
 * `presets.ts`, because the core loads them and nothing else.
 */
import { aiSdkUsage } from './ai-sdk.js';
import {
  anthropicCredentialHeaders,
  anthropicRetries,
  anthropicStream,
  anthropicUsage,
  anthropicVolatilePrefixes,
} from './anthropic.js';
import {
  bedrockModelPath,
  bedrockRetries,
  bedrockUsage,
  bedrockVolatileHeaders,
  bedrockVolatilePrefixes,
} from './bedrock.js';
import {
  geminiCredentialHeaders,
  geminiModelPath,
  geminiRetries,
  geminiUsage,
  geminiVolatileHeaders,
} from './gemini.js';
import {
  openaiCredentialHeaders,
  openaiResponsesStream,
  openaiRetries,
  openaiUsage,
  openaiVolatileHeaders,
  openaiVolatilePrefixes,
} from './openai.js';
import { chatCompletionsStream, openaiCompatibleUsage } from './openai-compatible.js';
import type { StreamDialect, UsageNames } from './provider.js';

/** Headers that identify an account, beside `authorization`. Their order is part of stored keys. */
export const credentialHeaders = /* @__PURE__ */ [
  anthropicCredentialHeaders,
  openaiCredentialHeaders,
  geminiCredentialHeaders,
].flat();

/** Headers that may differ between two attempts at the same request. */
export const volatileHeaders = /* @__PURE__ */ [
  bedrockVolatileHeaders,
  geminiVolatileHeaders,
  openaiVolatileHeaders,
].flat();

/** The beginnings of the names of more such headers. */
export const volatilePrefixes = /* @__PURE__ */ [
  anthropicVolatilePrefixes,
  bedrockVolatilePrefixes,
  openaiVolatilePrefixes,
].flat();

/**
 * The responses that each provider documents as worth a retry, and those that are final although their
 * status suggests a retry: a spent budget is still spent a second later.
 */
export const retryPolicies = {
  anthropic: anthropicRetries,
  openai: openaiRetries,
  bedrock: bedrockRetries,
  gemini: geminiRetries,
} as const;

/** The dialects whose complete streams have a known last event. */
export const streamDialects: readonly StreamDialect[] = [
  anthropicStream,
  openaiResponsesStream,
  chatCompletionsStream,
];

/**
 * Where answers count their tokens. No name means two things. If a gateway sends the names of two
 * APIs, the earlier API counts.
 */
export const usageNames: readonly UsageNames[] = [
  openaiUsage,
  anthropicUsage,
  geminiUsage,
  bedrockUsage,
  aiSdkUsage,
  openaiCompatibleUsage,
];

/** URLs that name a model, in the first group of the expression. */
export const modelPaths: readonly RegExp[] = [bedrockModelPath, geminiModelPath];
