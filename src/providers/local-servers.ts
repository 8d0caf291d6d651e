/** The own APIs of servers that run models: llama.cpp and Text Generation Inference. */
import type { AnswerRules } from './provider.js';

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
