/** The Replicate API. Source: replicate.com/docs/reference/http. */
import { membersOf } from './failure.js';
import type { AnswerRules } from './provider.js';

/** Predictions. The handle of a running one is an answer: a duplicate polls the same prediction. */
export const replicatePredictions: AnswerRules = {
  isOwn: ({ json }) =>
    typeof json.status === 'string' && typeof membersOf(json.urls).get === 'string',
  isFailure: ({ json }) => json.status === 'failed',
  lastName: 'its status',
  verdictOf: ({ status }) =>
    status === 'canceled' || status === 'aborted' ? 'unknown' : 'complete',
};
