import { membersOf } from '../providers/failure.js';
import type { BatchApi, BatchTrace } from './create.js';

/** The part of the client of `@anthropic-ai/sdk` that `anthropicBatches` calls. */
export interface AnthropicClient {
  /** The Messages API. */
  readonly messages: {
    /** The Message Batches API. */
    readonly batches: {
      /** Creates a batch. */
      create(
        params: { requests: never[] },
        options: { maxRetries: number; signal: AbortSignal },
      ): PromiseLike<{ readonly id: string }>;
      /** Lists batches, the latest first. */
      list(query: { limit: number }): AsyncIterable<AnthropicBatch>;
      /** Reads the results of a batch that has ended. */
      results(id: string): PromiseLike<AsyncIterable<{ readonly custom_id: string }>>;
    };
  };
}

interface AnthropicBatch {
  readonly id: string;
  readonly created_at: string;
  readonly processing_status: string;
  readonly results_url: string | null;
  readonly request_counts: object;
}

/** The part of the client of `openai` that `openaiBatches` calls. */
export interface OpenAIClient {
  /** The Files API. */
  readonly files: {
    /** Uploads a file. */
    create(
      params: { file: File; purpose: 'batch' },
      options: { signal: AbortSignal },
    ): PromiseLike<{ readonly id: string }>;
  };
  /** The Batch API. */
  readonly batches: {
    /** Creates a batch of an uploaded file. */
    create(
      params: {
        input_file_id: string;
        endpoint: never;
        completion_window: '24h';
        metadata: Record<string, string>;
      },
      options: { maxRetries: number; signal: AbortSignal },
    ): PromiseLike<{ readonly id: string }>;
    /** Lists batches, the latest first. */
    list(query: { limit: number }): AsyncIterable<{
      readonly id: string;
      readonly created_at: number;
      readonly metadata?: Readonly<Record<string, string>> | null;
    }>;
  };
}

/** The largest expected difference between the clocks of the provider and the store. */
const MAX_CLOCK_SKEW_MS = 10 * 60 * 1000;
const PAGE_SIZE = 100;
/** The batches that this process has created: by client, from the provider's id to the batch's key. */
const createdByClient = new WeakMap<object, Map<string, string>>();

/**
 * Returns a `BatchApi` that creates and finds Message Batches with a client of Anthropic's SDK.
 *
 * A Message Batch has no metadata, so `find` recognizes it by the `custom_id`s in its results, which
 * exist once the batch has ended. Until then it looks like any other batch with as many requests that
 * was created after the plan, except batches that this client has created.
 *
 * @example
 * const client = { messages: { batches: { create: async () => ({ id: 'msgbatch_1' }) } } };
 * const store = memoryStore();
 * const requests = [{ params: { model: 'm', max_tokens: 9, messages: [] } }];
 * const { batches } = await planBatch(requests, { store, provider: 'anthropic' });
 * const api = anthropicBatches(client); // or of new Anthropic()
 * (await createBatch(batches[0], api, { store })).id; // 'msgbatch_1'
 */
export function anthropicBatches(client: AnthropicClient): BatchApi {
  const { batches } = client.messages;
  const created = createdByClient.get(client) ?? new Map<string, string>();
  createdByClient.set(client, created);
  return {
    async create(batch, { signal }) {
      const requests = batch.requests() as never[];
      const response = await batches.create({ requests }, { maxRetries: 0, signal });
      created.set(response.id, batch.key);
      return response;
    },
    async find({ key, customIds, itemCount, sinceMs }: BatchTrace) {
      const wanted = new Set(customIds);
      let isUndecided = false;
      for await (const batch of batches.list({ limit: PAGE_SIZE })) {
        // The list begins with the latest.
        if (Date.parse(batch.created_at) < sinceMs - MAX_CLOCK_SKEW_MS) break;
        // Batches of one plan have the same size: this one is for another key.
        if ((created.get(batch.id) ?? key) !== key) continue;
        const { request_counts: counts } = batch;
        const count = Object.values<number>({ ...counts }).reduce((sum, each) => sum + each, 0);
        if (itemCount !== undefined && count !== itemCount) continue;
        if (batch.processing_status !== 'ended' || batch.results_url === null) {
          isUndecided = true;
          continue;
        }
        for await (const result of await batches.results(batch.id)) {
          const customId = membersOf(result).custom_id;
          // A malformed result says nothing about its batch.
          if (typeof customId !== 'string') continue;
          if (wanted.has(customId)) return { id: batch.id };
          // If all ids are known, the first result decides. If only some are, they may come late.
          if (itemCount !== undefined) break;
        }
      }
      return isUndecided ? 'unknown' : undefined;
    },
  };
}

/**
 * Returns a `BatchApi` that creates and finds batches with a client of OpenAI's SDK. It stores
 * the key of a batch as `samekey` in the metadata, so that `find` recognizes the batch.
 *
 * @example
 * const client = {
 *   files: { create: async () => ({ id: 'file_1' }) },
 *   batches: { create: async ({ input_file_id }) => ({ id: `batch_of_${input_file_id}` }) },
 * };
 * const store = memoryStore();
 * const requests = [{ url: '/v1/responses', body: { model: 'm', input: 'Why is the sky blue?' } }];
 * const { batches } = await planBatch(requests, { store, provider: 'openai' });
 * const api = openaiBatches(client); // or of new OpenAI()
 * (await createBatch(batches[0], api, { store })).id; // 'batch_of_file_1'
 */
export function openaiBatches({ files, batches }: OpenAIClient): BatchApi {
  return {
    async prepare(batch, { signal }) {
      const parts: string[] = [];
      for (const line of batch.lines()) parts.push(line, '\n');
      const file = new File(parts, `${batch.key}.jsonl`, { type: 'application/jsonl' });
      return (await files.create({ file, purpose: 'batch' }, { signal })).id;
    },
    create: ({ key, url }, { prepared, signal }) =>
      Promise.resolve(
        batches.create(
          {
            input_file_id: prepared as string,
            endpoint: url as never,
            completion_window: '24h',
            metadata: { samekey: key },
          },
          { maxRetries: 0, signal },
        ),
      ),
    async find({ key, sinceMs }: BatchTrace) {
      for await (const { id, created_at: seconds, metadata } of batches.list({
        limit: PAGE_SIZE,
      })) {
        if (metadata?.samekey === key) return { id };
        if (seconds * 1000 < sinceMs - MAX_CLOCK_SKEW_MS) break;
      }
      return undefined;
    },
  };
}
