import { Identity } from '../key/identity.js';

/** A preset: an identity that leaves things out, and nothing else. */
export type Preset = Identity & { readonly exclude: readonly string[] };

function leavingOut(...exclude: string[]): Preset {
  return new Identity({ exclude }) as Preset;
}

/**
 * Identities for common requests. Each leaves out what may change between two attempts at the same
 * work without changing the answer: never a member of the user's own data (`input`, `arguments`,
 * JSON schemas), and no labels or metadata, where callers keep what tells two requests apart.
 */
export const identities = /* @__PURE__ */ Object.freeze({
  /** Tracing members that callers and middleware put at the top of a body. */
  volatile: /* @__PURE__ */ leavingOut(
    '$.timestamp',
    '$.trace_id',
    '$.request_id',
    '$.retry_count',
  ),

  /** Anthropic Messages: cache marks and the service tier. */
  anthropic: /* @__PURE__ */ leavingOut(
    '$.cache_control',
    '$.system[*].cache_control',
    '$.tools[*].cache_control',
    '$.messages[*].content[*].cache_control',
    // Blocks inside a tool result, and inside a document whose source is made of blocks.
    '$.messages[*].content[*].content[*].cache_control',
    '$.messages[*].content[*].source.content[*].cache_control',
    '$.service_tier',
  ),

  /** OpenAI Chat Completions and Responses: cache routing and the service tier. */
  openai: /* @__PURE__ */ leavingOut(
    '$.prompt_cache_key',
    '$.prompt_cache_retention',
    '$.service_tier',
  ),

  /** Amazon Bedrock Converse: latency settings, the service tier, the token that is itself a key. */
  bedrock: /* @__PURE__ */ leavingOut(
    '$.performanceConfig',
    '$.serviceTier',
    '$.clientRequestToken',
  ),

  /** Gemini generateContent: what the SDK keeps for itself in `config`. */
  gemini: /* @__PURE__ */ leavingOut('$.config.httpOptions', '$.config.abortSignal'),
});
