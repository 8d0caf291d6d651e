/** `samekey/batch`: sends each request once through the batch APIs of Anthropic and OpenAI, and shares its result. */
export {
  type AnthropicClient,
  anthropicBatches,
  type OpenAIClient,
  openaiBatches,
} from './clients.js';
export {
  type BatchApi,
  type BatchTrace,
  type Created,
  type CreateOptions,
  createBatch,
  settleBatch,
} from './create.js';
export { dropBatch } from './drop.js';
export type { BatchState, InProgressBatch } from './in-progress.js';
export type { BatchOutcome } from './outcome.js';
export {
  type BatchItem,
  type BatchPlan,
  type PlannedBatch,
  type PlanOptions,
  planBatch,
} from './plan.js';
export {
  type BatchResult,
  type Recorded,
  type RecordOptions,
  recordResults,
} from './record.js';
export type { BatchLimits, BatchProvider, BatchRequest } from './request.js';
export { type PlanResult, type ResultsOptions, resultsOf } from './results.js';
