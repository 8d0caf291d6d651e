import { Identity } from '../key/identity.js';
import { anthropicExclude } from './anthropic.js';
import { bedrockExclude } from './bedrock.js';
import { geminiExclude } from './gemini.js';
import { openaiExclude } from './openai.js';

/** A preset: an identity that leaves fields out, and nothing else. */
export type Preset = Identity & { readonly exclude: readonly string[] };

const without = (exclude: readonly string[]) => new Identity({ exclude }) as Preset;

/**
 * Identities for common requests. Each leaves out the fields that may change between two attempts at
 * the same work without changing the answer. No preset leaves out your data (`input`, `arguments`, JSON
 * schemas), labels or metadata, because these distinguish two requests.
 */
export const identities = /* @__PURE__ */ Object.freeze({
  /** Tracing members that callers and middleware add at the top of a body. */
  volatile: /* @__PURE__ */ without(['$.timestamp', '$.trace_id', '$.request_id', '$.retry_count']),

  /** Anthropic Messages: cache marks and the service tier. */
  anthropic: /* @__PURE__ */ without(anthropicExclude),

  /** OpenAI Chat Completions and Responses: cache routing and the service tier. */
  openai: /* @__PURE__ */ without(openaiExclude),

  /** Amazon Bedrock Converse: latency settings, the service tier, the client's own token. */
  bedrock: /* @__PURE__ */ without(bedrockExclude),

  /** Gemini generateContent: members of the SDK's `config` that are not sent. */
  gemini: /* @__PURE__ */ without(geminiExclude),
});
