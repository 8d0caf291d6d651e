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
  createBatch,
  settleBatch,
} from './create.js';
export { dropBatch } from './drop.js';
export type { BatchState, InProgressBatch } from './in-progress.js';
export type {
  CreateOptions,
  DropOptions,
  PlanOptions,
  RecordOptions,
  ResultsOptions,
} from './options.js';
export type { BatchOutcome } from './outcome.js';
export {
  type BatchItem,
  type BatchPlan,
  type PlannedBatch,
  planBatch,
} from './plan.js';
export {
  type BatchResult,
  type Recorded,
  recordResults,
} from './record.js';
export type { BatchLimits, BatchProvider, BatchRequest } from './request.js';
export { type PlanResult, resultsOf } from './results.js';
