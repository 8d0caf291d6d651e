import type { BatchApi, BatchTrace } from './create.js';

/** What of `@anthropic-ai/sdk` is needed. */
export interface AnthropicClient {
  readonly messages: {
    readonly batches: {
      create(
        params: { requests: never[] },
        options: { maxRetries: number; signal: AbortSignal },
      ): PromiseLike<{ readonly id: string }>;
      list(query: { limit: number }): AsyncIterable<AnthropicBatch>;
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

/** What of `openai` is needed. */
export interface OpenAIClient {
  readonly files: {
    create(
      params: { file: File; purpose: 'batch' },
      options: { signal: AbortSignal },
    ): PromiseLike<{ readonly id: string }>;
  };
  readonly batches: {
    create(
      params: {
        input_file_id: string;
        endpoint: never;
        completion_window: '24h';
        metadata: Record<string, string>;
      },
      options: { maxRetries: number; signal: AbortSignal },
    ): PromiseLike<{ readonly id: string }>;
    list(query: { limit: number }): AsyncIterable<{
      readonly id: string;
      readonly created_at: number;
      readonly metadata?: Readonly<Record<string, string>> | null;
    }>;
  };
}

/** The clocks of the provider and of the store may differ so much. */
const CLOCKS_DIFFER_MS = 10 * 60 * 1000;
const LISTED_AT_ONCE = 100;
/** By its client, the key of each batch that this process has created, by the provider's id. */
const createdBy = new WeakMap<object, Map<string, string>>();

/**
 * How Anthropic's SDK creates Message Batches, and finds one again.
 *
 * A Message Batch has nothing that its maker could mark it by, so it is found by the ids in its
 * results, which there are when it has ended: until then nobody can tell it from another batch of as
 * many requests that was created after the plan, unless this client has created that.
 *
 * @example
 * typeof anthropicBatches({ messages: { batches: {} } }).find; // 'function'
 */
export function anthropicBatches(client: AnthropicClient): BatchApi {
  const { batches } = client.messages;
  const created = createdBy.get(client) ?? new Map<string, string>();
  createdBy.set(client, created);
  return {
    async create(batch, { signal }) {
      const requests = batch.requests() as never[];
      const answer = await batches.create({ requests }, { maxRetries: 0, signal });
      created.set(answer.id, batch.key);
      return answer;
    },
    async find({ key, customIds, itemCount, sinceMs }: BatchTrace) {
      const ours = new Set(customIds);
      let mayBeOurs = false;
      for await (const batch of batches.list({ limit: LISTED_AT_ONCE })) {
        // The latest come first.
        if (Date.parse(batch.created_at) < sinceMs - CLOCKS_DIFFER_MS) break;
        // Those of one plan are all of the same size.
        if ((created.get(batch.id) ?? key) !== key) continue;
        const { request_counts: counts } = batch;
        const count = Object.values<number>({ ...counts }).reduce((sum, each) => sum + each, 0);
        if (itemCount !== undefined && count !== itemCount) continue;
        if (batch.processing_status !== 'ended' || batch.results_url === null) {
          mayBeOurs = true;
          continue;
        }
        for await (const { custom_id: customId } of await batches.results(batch.id)) {
          if (ours.has(customId)) return { id: batch.id };
          // Of all its items any one would do, of some of them none may come early.
          if (itemCount !== undefined) break;
        }
      }
      return mayBeOurs ? 'unknown' : undefined;
    },
  };
}

/**
 * How OpenAI's SDK creates batches, and finds one again: by its key, which is in the metadata as
 * `samekey`.
 *
 * @example
 * typeof openaiBatches({ files: {}, batches: {} }).find; // 'function'
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
        limit: LISTED_AT_ONCE,
      })) {
        if (metadata?.samekey === key) return { id };
        if (seconds * 1000 < sinceMs - CLOCKS_DIFFER_MS) break;
      }
      return undefined;
    },
  };
}
