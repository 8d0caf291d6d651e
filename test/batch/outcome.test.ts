import { describe, expect, it } from 'vitest';
import {
  anthropicBatches,
  type BatchApi,
  type BatchTrace,
  createBatch,
  openaiBatches,
  type PlannedBatch,
  planBatch,
  recordResults,
} from '../../src/batch/batch.js';
import { memoryStore } from '../../src/store/memory.js';

const message = { id: 'msg_1', content: [] };
const error = { type: 'invalid_request_error', message: 'no' };
const response = (status_code: number, body: unknown) => ({
  id: 'batch_req_1',
  response: { status_code, request_id: 'req_1', body },
  error: null,
});
const failed = (code: string) => ({
  id: 'batch_req_1',
  response: null,
  error: { code, message: 'This request could not be executed.' },
});

const failedWith = (text: string) => ({ id: 'batch_req_1', response: null, error: text });
const chat = (content: string) => ({
  object: 'chat.completion',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
});
const gemini = { candidates: [{ finishReason: 'STOP', content: { parts: [{ text: 'a' }] } }] };
const succeeded = (body: object) => ({ outcome: 'succeeded', response: body });

/** Result lines as the providers document or send them, and their outcomes. */
const LINES: [string, object, object][] = [
  [
    'Anthropic, succeeded',
    { result: { type: 'succeeded', message } },
    { outcome: 'succeeded', response: message },
  ],
  ['Anthropic, errored', { result: { type: 'errored', error } }, { outcome: 'errored', error }],
  ['Anthropic, expired', { result: { type: 'expired' } }, { outcome: 'expired' }],
  ['Anthropic, canceled', { result: { type: 'canceled' } }, { outcome: 'canceled' }],
  ['OpenAI, 200', response(200, message), { outcome: 'succeeded', response: message }],
  ['OpenAI, 400', response(400, { error }), { outcome: 'errored', error }],
  ['OpenAI, 500 with an empty body', response(500, ''), { outcome: 'errored', error: '' }],
  [
    'OpenAI, expired',
    failed('batch_expired'),
    { outcome: 'expired', error: failed('batch_expired').error },
  ],
  [
    'OpenAI, cancelled',
    failed('batch_cancelled'),
    { outcome: 'canceled', error: failed('batch_cancelled').error },
  ],
  [
    'OpenAI, with an error of its own',
    failed('server_error'),
    { outcome: 'errored', error: failed('server_error').error },
  ],
  [
    'OpenAI, an error in text',
    failedWith('Internal error'),
    { outcome: 'errored', error: 'Internal error' },
  ],
  [
    'OpenAI, 200 whose body says it failed',
    response(200, { error }),
    { outcome: 'errored', error },
  ],
  [
    'OpenAI, 200 whose response failed',
    response(200, { object: 'response', status: 'failed', error }),
    { outcome: 'errored', error },
  ],
  [
    'OpenAI, 200 whose only choice failed',
    response(200, { choices: [{ index: 0, finish_reason: 'error' }] }),
    { outcome: 'errored', error: { choices: [{ index: 0, finish_reason: 'error' }] } },
  ],
  [
    'OpenAI, 200 without a choice',
    response(200, { object: 'chat.completion', choices: [] }),
    { outcome: 'errored', error: { object: 'chat.completion', choices: [] } },
  ],
  ['OpenAI, 200 about errors', response(200, chat('"error": 1')), succeeded(chat('"error": 1'))],
  ['OpenAI, an empty body object', response(200, {}), succeeded({})],
  [
    'OpenAI, a status in text',
    { ...response(200, message), response: { status_code: '200', body: message } },
    succeeded(message),
  ],
  ['OpenAI, 200 beside {}', { ...response(200, message), error: {} }, succeeded(message)],
  [
    'OpenAI, 200 beside an error of nothing',
    { ...response(200, message), error: { code: null, message: '' } },
    succeeded(message),
  ],
  [
    'OpenAI, 200 beside an error',
    { ...response(200, message), error },
    { outcome: 'errored', error },
  ],
  [
    'Anthropic, succeeded with an error',
    { result: { type: 'succeeded', message: { type: 'error', error } } },
    { outcome: 'errored', error },
  ],
  [
    'Mistral, 200',
    { ...response(200, chat('a')), response: { status_code: 200, body: chat('a') } },
    succeeded(chat('a')),
  ],
  [
    'Mistral, 422 with an object of the kind error',
    response(422, { object: 'error', message: 'no', type: 'invalid_request_error' }),
    {
      outcome: 'errored',
      error: { object: 'error', message: 'no', type: 'invalid_request_error' },
    },
  ],
  ['Gemini, a response', { response: gemini }, succeeded(gemini)],
  [
    'Gemini, a status',
    { error: { code: 13, message: 'Internal', status: 'INTERNAL' } },
    { outcome: 'errored', error: { code: 13, message: 'Internal', status: 'INTERNAL' } },
  ],
  [
    'Gemini, a response without a candidate',
    { response: { usageMetadata: {} } },
    { outcome: 'errored', error: { usageMetadata: {} } },
  ],
];

describe('a line of the results', () => {
  it.each(LINES)('%s', async (_, line, outcome) => {
    const store = memoryStore();
    const body = { model: 'm', input: 'x' };
    const { batches } = await planBatch([{ custom_id: 'anna', url: '/v1/responses', body }], {
      store,
      provider: 'openai',
    });
    const custom_id = batches[0]?.items[0]?.customId;
    const reported: unknown[] = [];
    const { stored, released } = await recordResults([{ custom_id, ...line }], {
      store,
      onResult: (result) => void reported.push(result),
    });
    const isStored = 'response' in outcome;
    expect([stored, released]).toEqual(isStored ? [1, 0] : [0, 1]);
    const id = custom_id?.slice(0, 35);
    expect(reported).toEqual([
      { error: undefined, ...outcome, id, requesters: ['anna'], isRepeated: false },
    ]);
  });
});

const SINCE_MS = Date.parse('2026-01-01T12:00:00Z');
const trace = (customIds: readonly string[], itemCount?: number): BatchTrace => ({
  key: 'ik_key',
  customIds,
  itemCount,
  sinceMs: SINCE_MS,
});

interface Listed {
  readonly id: string;
  readonly at: string;
  readonly results?: readonly string[];
  readonly count: number;
}

/** Batches of Anthropic, the latest first. */
function anthropicWith(...listed: Listed[]) {
  const inspected: string[] = [];
  const list = async function* () {
    for (const { id, at, results, count } of listed) {
      inspected.push(id);
      yield {
        id,
        created_at: `2026-01-01T${at}Z`,
        processing_status: results ? 'ended' : 'in_progress',
        results_url: results ? '/' : null,
        request_counts: {
          processing: results ? 0 : count,
          succeeded: results ? count : 0,
          errored: 0,
        },
      };
    }
  };
  const results = async (id: string) =>
    (async function* () {
      for (const custom_id of listed.find((each) => each.id === id)?.results ?? []) {
        yield { custom_id };
      }
    })();
  const create = async () => ({ id: 'none' });
  const { find } = anthropicBatches({ messages: { batches: { create, list, results } } });
  return { find: find as NonNullable<typeof find>, inspected };
}

describe('looking for a batch of Anthropic', () => {
  it('finds it by an id in its results', async () => {
    const { find } = anthropicWith(
      { id: 'c', at: '12:02:00', results: ['x', 'y'], count: 2 },
      { id: 'b', at: '12:01:00', results: ['o2', 'o1'], count: 2 },
    );
    expect(await find(trace(['o1', 'o2'], 2))).toEqual({ id: 'b' });
    // With the ids of a plan that shares one item with the batch.
    expect(await find(trace(['o1']))).toEqual({ id: 'b' });
  });

  it('returns unknown while a batch of the same size has not ended', async () => {
    const { find } = anthropicWith({ id: 'b', at: '12:01:00', count: 2 });
    expect(await find(trace(['o1', 'o2'], 2))).toBe('unknown');
    expect(await find(trace(['o1', 'o2', 'o3'], 3))).toBe(undefined);
    expect(await find(trace(['o1']))).toBe('unknown');
  });

  it('ignores other batches that the same client has created', async () => {
    const listed: object[] = [];
    let status = 0;
    const client = {
      messages: {
        batches: {
          async create({ requests }: { requests: unknown[] }) {
            if (status > 0) throw Object.assign(new Error('no'), { status });
            const id = `batch_${listed.length + 1}`;
            listed.unshift({
              id,
              created_at: new Date().toISOString(),
              processing_status: 'in_progress',
              results_url: null,
              request_counts: { processing: requests.length },
            });
            return { id };
          },
          list: () => listed.values(),
        },
      },
    } as never;
    const store = memoryStore();
    const requests = ['A?', 'B?', 'C?'].map((content) => ({ params: { content } }));
    const limits = { maxRequests: 1 };
    const { batches } = await planBatch(requests, { store, provider: 'anthropic', limits });
    const create = (index: number) =>
      createBatch(batches[index] as PlannedBatch, anthropicBatches(client), { store });
    await create(0);
    status = 429;
    await expect(create(1)).rejects.toThrow('no');
    status = 0;
    expect(await create(1)).toEqual({ id: 'batch_2', outcome: 'executed' });
  });

  it('is skipped after the provider has refused the batch', async () => {
    const store = memoryStore();
    const { batches } = await planBatch([{ params: {} }], { store, provider: 'anthropic' });
    const answers = [400, 401, 402, 403, 404, 413, 415, 422];
    const api: BatchApi = {
      async create() {
        const status = answers.shift();
        if (status === undefined) return { id: 'batch_1' };
        throw Object.assign(new Error('no'), { status });
      },
      find: async () => 'unknown',
    };
    const create = () => createBatch(batches[0] as PlannedBatch, api, { store });
    while (answers.length > 0) await expect(create()).rejects.toThrow('no');
    expect(await create()).toEqual({ id: 'batch_1', outcome: 'executed' });
  });

  it.each([408, 409, 429, 500])('is done after the status %i', async (status) => {
    const store = memoryStore();
    const { batches } = await planBatch([{ params: {} }], { store, provider: 'anthropic' });
    const api: BatchApi = {
      create: () => Promise.reject(Object.assign(new Error('no'), { status })),
      find: async () => ({ id: 'batch_1' }),
    };
    expect(await createBatch(batches[0] as PlannedBatch, api, { store })).toEqual({
      id: 'batch_1',
      outcome: 'found',
    });
  });

  it('looks no further back than the clock skew', async () => {
    const { find, inspected } = anthropicWith(
      { id: 'c', at: '11:55:00', results: ['x'], count: 1 },
      { id: 'b', at: '11:45:00', results: ['o1'], count: 1 },
      { id: 'a', at: '11:44:00', results: ['o1'], count: 1 },
    );
    expect(await find(trace(['o1'], 1))).toBe(undefined);
    expect(inspected).toEqual(['c', 'b']);
  });
});

describe('looking for a batch of OpenAI', () => {
  const seconds = SINCE_MS / 1000;
  const openaiWith = (...listed: { id: string; created_at: number; metadata?: never }[]) => {
    const list = async function* () {
      yield* listed;
    };
    const create = async () => ({ id: 'none' });
    return openaiBatches({ files: { create }, batches: { create, list } });
  };

  it('finds it by its key', async () => {
    const metadata = (samekey: string) => ({ samekey }) as never;
    const { find } = openaiWith(
      { id: 'c', created_at: seconds + 2 },
      { id: 'b', created_at: seconds + 1, metadata: metadata('ik_other') },
      { id: 'a', created_at: seconds, metadata: metadata('ik_key') },
    );
    expect(await find?.(trace([]))).toEqual({ id: 'a' });
  });

  it('looks no further back than the clock skew', async () => {
    const { find } = openaiWith(
      { id: 'b', created_at: seconds - 700 },
      { id: 'a', created_at: seconds - 701, metadata: { samekey: 'ik_key' } as never },
    );
    expect(await find?.(trace([]))).toBe(undefined);
  });
});
