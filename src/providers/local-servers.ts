/** The own APIs of servers that run models: llama.cpp, Text Generation Inference, SGLang and LM Studio. */
import { isFailedReason, membersOf } from './failure.js';
import type { AnswerRules, Members } from './provider.js';

/** github.com/ggml-org/llama.cpp, tools/server/README.md: `/completion` ends with `"stop": true`. */
export const llamaCppAnswers: AnswerRules = {
  isOwn: ({ json }) => typeof json.stop === 'boolean' && typeof json.content === 'string',
  isLast: ({ json }) => json.stop === true,
  lastName: '"stop": true',
};

/** huggingface.co/docs/text-generation-inference: `/generate_stream` ends with `generated_text`. */
export const textGenerationAnswers: AnswerRules = {
  isOwn: ({ json }) => typeof json.token === 'object' && json.generated_text !== undefined,
  isLast: ({ json }) => typeof json.generated_text === 'string',
  lastName: 'generated_text',
};

/** The reason of an answer of SGLang, such as `{"type":"stop"}`. */
const sglangReasonOf = (json: Members) => membersOf(json.meta_info).finish_reason;

/** github.com/sgl-project/sglang, srt/entrypoints/http_server.py: `/generate`. */
export const sglangAnswers: AnswerRules = {
  isOwn: ({ json }) => sglangReasonOf(json) !== undefined,
  isFailure: ({ json }) => isFailedReason(membersOf(sglangReasonOf(json)).type),
  partsOf: (json) => [[json.index ?? 0, Boolean(sglangReasonOf(json))]],
  lastName: 'the finish_reason',
};

/** lmstudio.ai/docs/developer/rest/streaming-events: `/api/v1/chat` ends with `chat.end`. */
export const lmStudioAnswers: AnswerRules = {
  isOwn: ({ name }) => name === 'chat.start' || name === 'chat.end',
  isLast: ({ name }) => name === 'chat.end',
  lastName: 'chat.end',
};
