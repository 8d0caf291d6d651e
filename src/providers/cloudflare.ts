/** Cloudflare Workers AI. Sources: developers.cloudflare.com/workers-ai, cloudflare/ai: packages/workers-ai-provider. */
import { DONE } from './openai-compatible.js';
import type { AnswerRules } from './provider.js';

/** `/ai/run`: its chunks are padded with `p`, and `[DONE]` ends every stream. */
export const workersAi: AnswerRules = {
  isOwn: ({ json }) =>
    typeof json.p === 'string' && (json.response !== undefined || json.tool_calls !== undefined),
  isLast: ({ data }) => data === DONE,
  lastName: DONE,
};
