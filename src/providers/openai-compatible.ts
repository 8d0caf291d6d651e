/** The Chat Completions API, which OpenAI, Groq, DeepSeek, vLLM and many others serve. */
import { hasError, isFailedReason } from './failure.js';
import type { AnswerRules, Members, UsageNames } from './provider.js';

/** The data of the last event. */
export const DONE = '[DONE]';

/** Models of DeepSeek and Mistral on Bedrock name it `stop_reason`. vLLM has both, and `finish_reason` counts. */
const reasonOf = ({ finish_reason, stop_reason }: Members) => finish_reason ?? stop_reason;

const choicesOf = ({ choices }: Members) =>
  (Array.isArray(choices) ? choices : []) as readonly Members[];

/**
 * Chat Completions and the older Completions. A stream is complete when all choices have a
 * `finish_reason`: some servers send no `[DONE]` (Perplexity, ik_llama.cpp), and vLLM sends it after
 * errors, too.
 */
export const chatCompletions: AnswerRules = {
  // An API of another kind may have `choices`, too, but not beside a model or with these members.
  isOwn: ({ json }) =>
    /^(?:chat|text)[._]completion/.test(String(json.object)) ||
    (Array.isArray(json.choices) &&
      (typeof json.model === 'string' ||
        choicesOf(json).some(
          ({ delta, message, text, finish_reason }) => delta ?? message ?? text ?? finish_reason,
        ))),
  isFailure: ({ json }) =>
    hasError(json.x_groq) ||
    choicesOf(json).some((choice) => hasError(choice) || isFailedReason(reasonOf(choice))),
  partsOf: (json) =>
    choicesOf(json).map((choice, at) => {
      const reason = reasonOf(choice);
      return [choice.index ?? at, typeof reason === 'string' && reason !== ''];
    }),
  lastName: 'the finish_reason of every choice',
  verdictOf: (json) => (choicesOf(json).length > 0 ? 'complete' : 'unknown'),
};

export const openaiCompatibleUsage: UsageNames = {
  // Groq's streams.
  envelopes: ['x_groq'],
  // DeepSeek.
  cacheRead: ['prompt_cache_hit_tokens'],
};
