/** `samekey/batch`: batches in which each request is sent once, and its result is everybody's. */
export {
  type AnthropicClient,
  anthropicBatches,
  type OpenAIClient,
  openaiBatches,
} from './batch/clients.js';
export {
  type BatchApi,
  type BatchTrace,
  type Created,
  type CreateOptions,
  createBatch,
  settleBatch,
} from './batch/create.js';
export { dropBatch } from './batch/drop.js';
export type { BatchOutcome } from './batch/outcome.js';
export {
  type BatchItem,
  type BatchPlan,
  type PlannedBatch,
  type PlanOptions,
  planBatch,
} from './batch/plan.js';
export type { BatchLimits, BatchProvider, BatchRequest } from './batch/provider.js';
export {
  type BatchResult,
  type Recorded,
  type RecordOptions,
  recordResults,
} from './batch/record.js';
export { type PlanResult, type ResultsOptions, resultsOf } from './batch/results.js';
export type { BatchState, UnderwayBatch } from './batch/underway.js';
