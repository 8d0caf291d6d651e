import { describe, expect, it } from 'vitest';
import {
  anthropicBatches,
  type BatchResult,
  createBatch,
  planBatch,
  type RecordOptions,
  recordResults,
  resultsOf,
} from '../../src/batch/batch.js';
import { batchStateOf } from '../../src/batch/in-progress.js';
import { itemKey, itemOwner, readOwner } from '../../src/batch/item.js';
import type { StoreRecord } from '../../src/store/store.js';
import { request as claimOf } from '../store/requests.js';
import { failure, fakeApi, first, request, setUp, success } from './plans.js';

const names = ['anna', 'ben', 'carla'];

/** A created batch of three requests. */
async function created() {
  const { store, plan } = setUp('memory');
  const requests = names.map((name) => request(`${name}?`, name));
  const planned = await plan(requests);
  const batch = first(planned.batches);
  await createBatch(batch, fakeApi(), { store });
  const ids = batch.items.map(({ customId }) => customId) as [string, string, string];
  const told: BatchResult[] = [];
  const record = (results: readonly unknown[], options: Partial<RecordOptions> = {}) =>
    recordResults(results, { store, onResult: (result) => void told.push(result), ...options });
  return { store, plan: () => plan(requests), planned, ids, told, record };
}

const messageOf = (result: BatchResult | undefined) =>
  (result?.error as Error | undefined)?.message;
const named = (told: readonly BatchResult[], name: string) =>
  told.find(({ requesters }) => requesters.includes(name));

describe('a malformed line of results', () => {
  const LINES: [string, (id: string) => unknown, string][] = [
    [
      'a result of an unknown type',
      (id) => ({ custom_id: id, result: { type: 'odd' } }),
      'the result 1: it is an object of another kind',
    ],
    [
      'a result without a message',
      (id) => ({ custom_id: id, result: { type: 'succeeded' } }),
      'the result 1: it is an object of another kind',
    ],
    [
      'a response that is text',
      (id) => ({ custom_id: id, response: 'x' }),
      'the result 1: it is an object of another kind',
    ],
    [
      'a response without a body',
      (id) => ({ custom_id: id, response: { status_code: 200 } }),
      'the result 1: it is an object of another kind',
    ],
    [
      'a response of no HTTP status',
      (id) => ({ custom_id: id, response: { status_code: 7, body: {} } }),
      'the result 1: it is an object of another kind',
    ],
    [
      'neither response nor error',
      (id) => ({ custom_id: id, response: null, error: {} }),
      'the result 1: it is an object of another kind',
    ],
    [
      'text that was cut off',
      (id) => JSON.stringify(success(id)).slice(0, -9),
      'line 2: it is not JSON',
    ],
    [
      'two lines in one',
      (id) => JSON.stringify(success(id)) + JSON.stringify({ custom_id: 'x' }),
      'line 2: it is not JSON',
    ],
  ];

  it.each(LINES)(
    '%s: its requester gets the error, all others their results',
    async (_, line, why) => {
      const { plan, ids, told, record } = await created();
      const counts = await record([success(ids[0]), line(ids[1]), success(ids[2], 'last')]);
      expect(counts).toMatchObject({ stored: 2, released: 1, malformed: 1, unknown: 0 });
      expect(named(told, 'anna')?.response).toEqual({ id: 'msg' });
      expect(named(told, 'carla')?.response).toEqual({ id: 'last' });
      expect(named(told, 'ben')?.outcome).toBe('errored');
      expect(messageOf(named(told, 'ben'))).toBe(
        `Cannot record ${why}, wanted a line of a batch's results`,
      );
      // Only the request of the malformed line is asked again.
      const { batches, finished } = await plan();
      expect([batches.map(({ items }) => items.length), finished.length]).toEqual([[1], 2]);
    },
  );

  it('is named by the file it is in', async () => {
    const { ids, told, record } = await created();
    const lines = ['{', JSON.stringify(success(ids[0])), `{"custom_id":"${ids[1]}","resu`];
    await expect(record(lines, { source: 'output.jsonl' })).rejects.toThrow(
      /^Cannot record line 1 of output\.jsonl: it is not JSON, wanted a line of a batch's results$/,
    );
    expect(messageOf(named(told, 'ben'))).toMatch(/^Cannot record line 3 of output\.jsonl: /);
  });

  it('that names no planned request is reported after all others are recorded', async () => {
    const { plan, ids, told, record } = await created();
    const other = `${ids[0]}${ids[0]}`;
    const results = [7, success(ids[0]), null, { custom_id: other, result: {} }, success(ids[1])];
    await expect(record(results)).rejects.toMatchObject({
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: expect.stringMatching(/^Cannot record the result 0: it is a number, /),
    });
    expect(told.map(({ requesters }) => requesters[0])).toEqual(['anna', 'ben']);
    expect((await plan()).finished.length).toBe(2);
  });

  it('changes nothing for a request that has a result, before or after it', async () => {
    const { plan, ids, record } = await created();
    const odd = { custom_id: ids[0], result: 7 };
    expect(await record([success(ids[0]), odd])).toMatchObject({
      stored: 1,
      released: 0,
      malformed: 1,
    });
    const late = { custom_id: ids[1], result: 7 };
    expect(await record([late, success(ids[1])])).toMatchObject({ stored: 1, released: 1 });
    expect((await plan()).finished.length).toBe(2);
  });

  it('of an earlier batch does not release the request from the current one', async () => {
    const { plan, ids, record } = await created();
    await record([failure(ids[0])]);
    const [again] = (await plan()).batches;
    expect(again?.items.length).toBe(1);
    expect(await record([{ custom_id: ids[0], result: 7 }])).toMatchObject({
      released: 0,
      malformed: 1,
    });
    expect((await plan()).batches).toEqual([]);
  });

  it('is never stored as an error', async () => {
    const { plan, ids, record } = await created();
    const counts = await record([{ custom_id: ids[0], result: 7 }], { storeErrors: () => true });
    expect(counts).toMatchObject({ stored: 0, released: 1 });
    expect((await plan()).finished).toEqual([]);
  });

  it('at which the reader throws costs no result before it', async () => {
    const { plan, ids, record } = await created();
    const lines = async function* () {
      yield success(ids[0]);
      yield success(ids[1]);
      throw new SyntaxError('Unexpected token');
    };
    await expect(record(lines() as never)).rejects.toThrow('Unexpected token');
    expect((await plan()).finished.length).toBe(2);
  });
});

describe('lines of results as text', () => {
  it('may have a byte order mark, CRLF, blank lines and lone surrogates', async () => {
    const { ids, told, record } = await created();
    const text = ids.map((id) => JSON.stringify(success(id, '\ud800'))).join('\r\n\r\n \t\r\n');
    const counts = await record(`\ufeff${text}\r\n`.split('\n'));
    expect(counts).toMatchObject({ stored: 3, malformed: 0, unknown: 0 });
    expect(told.map(({ response }) => response)).toEqual(ids.map(() => ({ id: '\ud800' })));
  });

  it('a mark or text about another request inside a string is no custom_id', async () => {
    const { ids, told, record } = await created();
    const quoted = JSON.stringify({ custom_id: ids[2] });
    const line = JSON.stringify({ custom_id: ids[1], result: { message: quoted } });
    await record([line.slice(0, -3)]);
    expect(told.map(({ requesters }) => requesters)).toEqual([['ben']]);
  });
});

describe('a request that has no key', () => {
  it('is named by its number', async () => {
    const { store } = setUp('memory');
    const bad = [request('A?'), { params: { content: '\ud800' } }];
    await expect(planBatch(bad, { store, provider: 'anthropic' })).rejects.toMatchObject({
      code: 'SAMEKEY_LONE_SURROGATE',
      message: expect.stringMatching(/^Cannot plan the request 1: cannot .*"\/content": /),
    });
  });
});

describe('looking for a batch', () => {
  it('passes over a malformed result of another batch', async () => {
    const lines: Record<string, unknown[]> = {
      b: [null, 7, { custom_id: 'x' }],
      a: [{}, { custom_id: 'o' }],
    };
    const listed = Object.keys(lines).map((id) => ({
      id,
      created_at: new Date().toISOString(),
      processing_status: 'ended',
      results_url: '/',
      request_counts: { succeeded: 1 },
    }));
    const results = async (id: string) => (lines[id] as never[]).values();
    const client = { messages: { batches: { list: () => listed.values(), results } } };
    const { find } = anthropicBatches(client as never);
    const trace = { key: 'ik_key', customIds: ['o'], itemCount: 1, sinceMs: Date.now() };
    expect(await find?.(trace)).toEqual({ id: 'a' });
  });
});

describe('a stored result that is damaged', () => {
  it('costs only its requesters if it is a list of them', async () => {
    const { store, plan, ids, told, record } = await created();
    const list = `${itemKey(ids[0].slice(0, 35))}:0`;
    await store.claim(list, claimOf('["do'));
    await record(ids.map((id) => success(id)));
    expect(told.map(({ requesters }) => requesters)).toEqual(names.map((name) => [name]));
    expect((await plan()).finished.length).toBe(3);
  });

  it('costs only itself', async () => {
    const { store, plan, ids, record } = await created();
    await record(ids.map((id) => success(id)));
    const [anna] = ids.map((id) => itemKey(id.slice(0, 35))) as [string];
    await store.evict(anna);
    await store.claim(anna, claimOf('x'));
    const payload = new TextEncoder().encode('{"resu');
    await store.complete(anna, 'x', { state: 'done', codec: 'json', payload, ttlMs: 1e6 });
    const found = new Map<string, unknown>();
    for await (const { requesters, outcome, error } of resultsOf(await plan(), { store })) {
      found.set(first(requesters), [outcome, (error as Error | undefined)?.message]);
    }
    expect(Object.fromEntries(found)).toEqual({
      anna: ['errored', expect.stringMatching(/^Cannot read the stored result: it is damaged/)],
      ben: ['succeeded', undefined],
      carla: ['succeeded', undefined],
    });
  });
});

const RUNNING: StoreRecord = {
  state: 'running',
  owner: 'o',
  fencingToken: 1,
  attempt: 1,
  fingerprint: undefined,
  claimedAtMs: 1,
  leaseEndsAtMs: 2,
  expiresAtMs: 3,
  finishedAtMs: undefined,
  codec: undefined,
  payload: undefined,
};

describe('a record that another program has damaged', () => {
  it('loses the names of its requesters, and not its run', () => {
    const owner = itemOwner('run/1', 2, ['anna', 'ben']);
    expect(readOwner(owner)).toEqual({ run: 'run', batch: 'run/1', requesters: ['anna', 'ben'] });
    const damaged = { run: 'run', batch: 'run/1', requesters: [] };
    for (const list of ['[anna]', '["anna",]', '[[]', '[1,{}]']) {
      expect(readOwner(`run/1/2/${list}`)).toEqual(damaged);
    }
  });

  it.each(['', '{"id":', 'null', '7'])('is refused if a batch was created: %s', (text) => {
    const record: StoreRecord = {
      ...RUNNING,
      state: 'done',
      finishedAtMs: 2,
      codec: 'batch',
      payload: new TextEncoder().encode(text),
    };
    expect(() => batchStateOf(record, 0)).toThrow(
      expect.objectContaining({
        code: 'SAMEKEY_STORE',
        message: expect.stringMatching(/^Cannot read the record of a batch: it is damaged, /),
      }),
    );
  });
});
