/** Ollama's own API. Source: github.com/ollama/ollama, docs/api.md. */
import type { AnswerRules } from './provider.js';

/** `/api/generate` and `/api/chat`: lines, of which the last one has `"done": true`. */
export const ollamaAnswers: AnswerRules = {
  isOwn: ({ json }) => typeof json.done === 'boolean' && typeof json.model === 'string',
  isLines: true,
  isLast: ({ json }) => json.done === true,
  lastName: '"done": true',
  verdictOf: ({ done }) => (done === true ? 'complete' : 'broken'),
};

/** `/api/pull`, `/api/create` and `/api/push`: lines, of which the last one has the status `success`. */
export const ollamaProgress: AnswerRules = {
  isOwn: ({ json }) =>
    /^(?:(?:pull|push|verify|writ|creat|pars|us|gather|transferr|copy|retriev|remov)ing |success$)/.test(
      String(json.status),
    ),
  isLines: true,
  isLast: ({ json }) => json.status === 'success',
  lastName: '"status": "success"',
};
