/**
 * Lists the APIs by concern. Each entry comes from the file of its API. The identity presets are in
 * `presets.ts`, because the core loads them and nothing else.
 */
import { aiSdkUsage } from './ai-sdk.js';
import {
  anthropicAnswers,
  anthropicCompletions,
  anthropicCredentialHeaders,
  anthropicRetries,
  anthropicState,
  anthropicUsage,
  anthropicVolatilePrefixes,
} from './anthropic.js';
import {
  bedrockAnswers,
  bedrockModelPath,
  bedrockRetries,
  bedrockState,
  bedrockUsage,
  bedrockVolatileHeaders,
  bedrockVolatilePrefixes,
} from './bedrock.js';
import { workersAi } from './cloudflare.js';
import { cohereChat, cohereState, cohereV1 } from './cohere.js';
import {
  geminiAnswers,
  geminiCredentialHeaders,
  geminiInteractions,
  geminiModelPath,
  geminiRetries,
  geminiState,
  geminiUsage,
  geminiVolatileHeaders,
} from './gemini.js';
import { jsonRpcAnswers } from './json-rpc.js';
import {
  llamaCppAnswers,
  lmStudioAnswers,
  sglangAnswers,
  textGenerationAnswers,
} from './local-servers.js';
import { mistralConversations, mistralState, mistralTranscriptions } from './mistral.js';
import { ollamaAnswers, ollamaProgress } from './ollama.js';
import {
  openaiCredentialHeaders,
  openaiMedia,
  openaiResponses,
  openaiRetries,
  openaiState,
  openaiUsage,
  openaiVolatileHeaders,
  openaiVolatilePrefixes,
} from './openai.js';
import { chatCompletions, openaiCompatibleUsage } from './openai-compatible.js';
import type { AnswerRules, StateRule, UsageNames } from './provider.js';
import { replicatePredictions } from './replicate.js';

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
  /** Anthropic (platform.claude.com/docs/en/api/errors). */
  anthropic: anthropicRetries,
  /** OpenAI (platform.openai.com/docs/guides/error-codes). */
  openai: openaiRetries,
  /** Amazon Bedrock (its user guide, and InvokeModel in its API reference). */
  bedrock: bedrockRetries,
  /** Gemini (ai.google.dev/gemini-api/docs/troubleshooting). */
  gemini: geminiRetries,
} as const;

/** How answers end and fail. The first API whose rules know a message decides. */
export const answerRules: readonly AnswerRules[] = [
  anthropicAnswers,
  anthropicCompletions,
  openaiResponses,
  openaiMedia,
  chatCompletions,
  geminiAnswers,
  geminiInteractions,
  bedrockAnswers,
  cohereChat,
  cohereV1,
  ollamaAnswers,
  llamaCppAnswers,
  textGenerationAnswers,
  sglangAnswers,
  lmStudioAnswers,
  mistralConversations,
  mistralTranscriptions,
  workersAi,
  jsonRpcAnswers,
  replicatePredictions,
  ollamaProgress,
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

/** Requests whose meaning is state at their provider. */
export const stateRules: readonly StateRule[] = /* @__PURE__ */ [
  openaiState,
  anthropicState,
  bedrockState,
  geminiState,
  mistralState,
  cohereState,
].flat();
