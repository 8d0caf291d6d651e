import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type BatchApi,
  type BatchRequest,
  createBatch,
  dropBatch,
  type PlannedBatch,
  type PlanOptions,
  planBatch,
  recordResults,
  resultsOf,
  settleBatch,
} from '../../src/batch/batch.js';
import { customId, identities } from '../../src/index.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

const path = mkdtempSync(join(tmpdir(), 'samekey-'));
const opened: Store[] = [];
afterAll(async () => {
  for (const store of opened) await store.close();
  rmSync(path, { recursive: true, force: true });
});

/** A clock that stands still until it is moved. */
class Clock {
  ms = 1_700_000_000_000;
  now = () => this.ms;
  pass(ms: number): void {
    this.ms += ms;
  }
}

const STORES: Record<string, (clock: Clock) => Store> = {
  memory: (clock) => memoryStore({ clock: clock.now }),
  LMDB: (clock) => {
    const store = lmdbStore({ path: join(path, String(opened.length)), clock: clock.now });
    opened.push(store);
    return store;
  },
};

const HOUR_MS = 60 * 60 * 1000;
const ask = (content: string, more: object = {}) => ({
  model: 'm',
  max_tokens: 9,
  messages: [{ role: 'user', content }],
  ...more,
});
const request = (content: string, custom_id?: string): BatchRequest => ({
  ...(custom_id !== undefined && { custom_id }),
  params: ask(content),
});
const first = <T>([item]: readonly T[]): T => item as T;
const bodies = (batches: readonly PlannedBatch[]) =>
  batches.map(({ items }) => items.map(({ body }) => JSON.parse(body).messages[0].content));
const success = (custom_id: string, id = 'msg') => ({
  custom_id,
  result: { type: 'succeeded', message: { id } },
});
const failure = (custom_id: string, type = 'errored') => ({
  custom_id,
  result: { type, error: { type: 'error' } },
});
/** A provider that creates what it is asked to. */
function fakeApi() {
  let count = 0;
  return { create: async () => ({ id: `batch_${++count}` }), created: () => count };
}

describe.each(Object.keys(STORES))('a plan on %s', (name) => {
  const setUp = (options: Partial<PlanOptions> = {}) => {
    const clock = new Clock();
    const store = (STORES[name] as (typeof STORES)[string])(clock);
    const plan = (requests: BatchRequest[], more: Partial<PlanOptions> = {}) =>
      planBatch(requests, { store, provider: 'anthropic', ...options, ...more });
    return { clock, store, plan };
  };

  it('has each request once, under an id that providers take and that begins with its key', async () => {
    const { plan } = setUp();
    const { batches, requesters, requestCount } = await plan([
      request('A?', 'anna'),
      request('B?'),
      { custom_id: 'carla', params: { ...ask('A?'), service_tier: 'auto' } },
      request('A?', 'anna'),
    ]);
    expect(bodies(batches)).toEqual([['A?', 'B?']]);
    expect(requestCount).toBe(4);
    const [a, b] = first(batches).items;
    const key = customId(ask('A?'), {
      ...identities.anthropic,
      scope: ['anthropic', '/v1/messages'],
    });
    expect(a?.id).toBe(key);
    expect(a?.customId).toMatch(new RegExp(`^${key}-[0-9a-z]+$`));
    expect(a?.customId).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(requesters.get(key)).toEqual(['anna', 'carla', 'anna']);
    expect(requesters.get(b?.id as string)).toEqual([]);
  });

  it('is cut at the limits of the provider', async () => {
    const { plan } = setUp();
    const six = ['A?', 'B?', 'C?', 'D?', 'E?', 'F?'].map((each) => request(each));
    const byCount = await plan(six, { limits: { maxRequests: 4 } });
    expect(bodies(byCount.batches)).toEqual([
      ['A?', 'B?', 'C?', 'D?'],
      ['E?', 'F?'],
    ]);
    expect(new Set(byCount.batches.map(({ key }) => key)).size).toBe(2);
    await byCount.release();
    const byBytes = await plan(six, { limits: { maxBytes: 600 } });
    for (const batch of byBytes.batches) {
      const bytes = [...batch.lines()].reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
      expect(bytes).toBeLessThanOrEqual(batch.byteCount);
      expect(batch.byteCount).toBeLessThanOrEqual(600);
    }
    expect(bodies(byBytes.batches).flat().length).toBe(6);
    await expect(
      plan([request('A?'), request('x'.repeat(1000))], { limits: { maxBytes: 600 } }),
    ).rejects.toThrow(
      /^Cannot plan the request 1: it has \d+ bytes, wanted at most 600 in a batch$/,
    );
  });

  it('puts what is in no store yet into as few batches as it needs', async () => {
    const { store, plan } = setUp({ limits: { maxRequests: 2 } });
    const old = await plan([request('A?'), request('C?')]);
    await recordResults(
      first(old.batches).items.map(({ customId }) => success(customId)),
      { store },
    );
    const { batches, finished } = await plan(['A?', 'B?', 'C?', 'D?'].map((each) => request(each)));
    expect(bodies(batches)).toEqual([['B?', 'D?']]);
    expect(finished.length).toBe(2);
  });

  it('keeps URLs and models of OpenAI apart, and counts the inputs of embeddings', async () => {
    const { plan } = setUp({ provider: 'openai' });
    const body = (url: string, model: string, input: unknown = 'x'): BatchRequest => ({
      url,
      body: { model, input },
    });
    const { batches } = await plan([
      body('/v1/responses', 'm'),
      body('/v1/responses', 'n'),
      body('/v1/embeddings', 'm'),
      body('/v1/responses', 'm', 'y'),
    ]);
    expect(batches.map(({ url, items }) => [url, items.length])).toEqual([
      ['/v1/responses', 2],
      ['/v1/responses', 1],
      ['/v1/embeddings', 1],
    ]);
    // The same body elsewhere is another request.
    const ids = batches.flatMap(({ items }) => items.map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);

    const inputs = (count: number) => Array.from({ length: count }, (_, i) => `${count} ${i}`);
    const embeddings = await plan(
      [3, 4, 2].map((count) => body('/v1/embeddings', 'e', inputs(count))),
      { limits: { maxRequests: 7 } },
    );
    expect(embeddings.batches.map(({ items }) => items.length)).toEqual([2, 1]);
  });

  it('gives nothing to two plans that are made at the same time', async () => {
    const { plan } = setUp();
    const requests = Array.from({ length: 700 }, (_, i) => request(`${i}?`));
    const plans = await Promise.all([
      plan(requests),
      plan([...requests].reverse()),
      plan(requests.slice(100, 600)),
    ]);
    const planned = plans.flatMap(({ batches }) => bodies(batches).flat());
    expect(planned.length).toBe(700);
    expect(new Set(planned).size).toBe(700);
  });

  it('is held for leaseMs, and for ttlMs once its batch was created', async () => {
    const { clock, store, plan } = setUp({ leaseMs: HOUR_MS });
    const forgotten = await plan([request('A?')]);
    const sent = await plan([request('B?')]);
    await createBatch(first(sent.batches), fakeApi(), { store });
    const both = [request('A?'), request('B?')];
    const during = await plan(both);
    expect(during.batches).toEqual([]);
    expect(during.underway.map(({ state, batchId }) => [state, batchId]).sort()).toEqual([
      ['created', 'batch_1'],
      ['planned', undefined],
    ]);

    clock.pass(HOUR_MS);
    const after = await plan(both);
    expect(bodies(after.batches)).toEqual([['A?']]);
    expect(after.underway.map(({ batchId }) => batchId)).toEqual(['batch_1']);
    await expect(createBatch(first(forgotten.batches), fakeApi(), { store })).rejects.toThrow(
      /^Cannot create the batch ik_\w{64}: 1 of its 1 items are no longer the plan's, wanted createBatch within 3600000 ms/,
    );

    clock.pass(31 * 24 * HOUR_MS);
    expect(bodies((await plan(both)).batches)).toEqual([['A?', 'B?']]);
  });

  it('is prolonged by whoever creates it late, but in time', async () => {
    const { clock, store, plan } = setUp({ leaseMs: HOUR_MS });
    const late = await plan([request('A?')]);
    clock.pass(HOUR_MS - 1);
    const api: BatchApi = {
      async create() {
        // The upload takes its time.
        clock.pass(HOUR_MS / 2);
        expect((await plan([request('A?')])).batches).toEqual([]);
        return { id: 'batch_1' };
      },
    };
    expect(await createBatch(first(late.batches), api, { store })).toMatchObject({ id: 'batch_1' });
  });

  it('gives back what it was not sent, when it is released', async () => {
    const { store, plan } = setUp({ limits: { maxRequests: 1 } });
    const both = [request('A?'), request('B?')];
    const given = await plan(both);
    await createBatch(first(given.batches), fakeApi(), { store });
    await given.release();
    expect(bodies((await plan(both)).batches)).toEqual([['B?']]);
  });

  it('is not given back while its batch is being created', async () => {
    const { store, plan } = setUp();
    const both = [request('A?'), request('B?')];
    const given = await plan(both);
    const late = new Proxy(store, {
      get: (target, name: keyof Store) =>
        name === 'release'
          ? (key: string, owner: string) => later().then(() => target.release(key, owner))
          : (target[name] as () => void).bind(target),
    });
    const later = () => new Promise((resolve) => setTimeout(resolve, 5));
    const slow = await planBatch([request('C?')], { store: late, provider: 'anthropic' });
    const api = fakeApi();
    const creating = (batches: readonly PlannedBatch[]) =>
      createBatch(first(batches), api, { store }).catch(({ code }) => code);
    const [one] = await Promise.all([creating(given.batches), given.release()]);
    const [, other] = await Promise.all([slow.release(), creating(slow.batches)]);
    expect([one, other]).toEqual([{ id: 'batch_1', outcome: 'executed' }, 'SAMEKEY_LEASE_LOST']);
    expect(bodies((await plan([...both, request('C?')])).batches)).toEqual([['C?']]);
  });

  it('is dropped with its batch, so that the next plan has it', async () => {
    const { store, plan } = setUp({ limits: { maxRequests: 2 } });
    const three = ['A?', 'B?', 'C?'].map((each) => request(each, 'anna'));
    const { batches } = await plan(three);
    for (const batch of batches) await createBatch(batch, fakeApi(), { store });
    const [ab, c] = batches as [PlannedBatch, PlannedBatch];
    const [a] = ab.items;
    await recordResults([success(a?.customId as string)], { store });
    await plan([request('B?', 'ben')]);
    expect(await dropBatch(ab.key, { store })).toBe(1);
    const next = await plan(three);
    expect(bodies(next.batches)).toEqual([['B?']]);
    expect(next.underway.map(({ key }) => key)).toEqual([c.key]);
    expect(next.finished).toEqual([a?.id]);
    // Whoever wanted it wants it still, and what was sent after all is an answer.
    const told: string[] = [];
    const onResult = ({ requesters }: { requesters: readonly string[] }) =>
      void told.push(...requesters);
    await recordResults([success(ab.items[1]?.customId as string)], { store, onResult });
    expect(told.sort()).toEqual(['anna', 'ben']);
    await expect(dropBatch(ab.key, { store })).rejects.toThrow(
      `Cannot drop the batch: ${ab.key} is none that was begun, wanted the key of one that was`,
    );
  });

  it('is not dropped while its batch is being created', async () => {
    const { store, plan } = setUp();
    const [batch] = (await plan([request('A?')])).batches as [PlannedBatch];
    const api: BatchApi = {
      async create() {
        await expect(dropBatch(batch.key, { store })).rejects.toMatchObject({
          code: 'SAMEKEY_IN_PROGRESS',
          message: `Cannot drop the batch ${batch.key}: it is being created, wanted its end; try again later`,
        });
        throw new Error('socket hang up');
      },
    };
    await expect(createBatch(batch, api, { store })).rejects.toThrow('socket hang up');
    // Nobody knows whether it was; who drops it does.
    expect(await dropBatch(batch.key, { store })).toBe(1);
    expect((await plan([request('A?')])).batches.length).toBe(1);
  });

  it('tells all who want a result, whichever plan they were in', async () => {
    const { store, plan } = setUp();
    const sent = await plan([request('A?', 'anna'), request('A?', 'ben')]);
    const other = await plan([request('A?', 'carla')]);
    await plan([request('A?', 'anna'), request('A?', 'dora')]);
    const told: unknown[] = [];
    const { customId } = first(first(sent.batches).items);
    const record = () =>
      recordResults([success(customId)], {
        store,
        onResult: ({ requesters, isRepeated, response }) => {
          told.push([requesters, isRepeated, response]);
        },
      });
    // Whoever waits for the batch of another has it when that is recorded.
    const waiting = resultsOf(other, { store, pollMs: 10 }).next();
    expect(await record()).toMatchObject({ stored: 1 });
    expect(await record()).toMatchObject({ stored: 0, repeated: 1 });
    const all = ['anna', 'ben', 'carla', 'dora'];
    expect(told).toEqual([
      [all, false, { id: 'msg' }],
      [all, true, { id: 'msg' }],
    ]);
    expect((await waiting).value).toEqual({
      id: customId.slice(0, 35),
      requesters: ['carla'],
      outcome: 'succeeded',
      response: { id: 'msg' },
    });
  });

  it('tells all who want a result, also when they have waited for as long as records are kept', async () => {
    const { clock, store, plan } = setUp({ leaseMs: HOUR_MS, ttlMs: 30 * 24 * HOUR_MS });
    const old = await plan([request('A?', 'anna')]);
    await plan([request('A?', 'ben')]);
    await recordResults([failure(first(first(old.batches).items).customId)], { store });
    clock.pass(29 * 24 * HOUR_MS);
    const { batches } = await plan([request('A?', 'carla')]);
    await createBatch(first(batches), fakeApi(), { store });
    await plan([request('A?', 'dora')]);
    clock.pass(2 * 24 * HOUR_MS);
    const told: string[] = [];
    await recordResults([success(first(first(batches).items).customId)], {
      store,
      onResult: ({ requesters }) => void told.push(...requesters),
    });
    expect(told.sort()).toEqual(['anna', 'ben', 'carla', 'dora']);
  });

  it.each(['errored', 'expired', 'canceled'])('sends what %s again, once', async (type) => {
    const { store, plan } = setUp();
    const one = [request('A?', 'anna')];
    const old = first(first((await plan(one)).batches).items);
    expect(await recordResults([failure(old.customId, type)], { store })).toMatchObject({
      released: 1,
    });
    const next = first(first((await plan(one)).batches).items);
    expect(next.customId).not.toBe(old.customId);
    // The first batch's results once more must not free what the second one has.
    expect(await recordResults([failure(old.customId, type)], { store })).toMatchObject({
      released: 0,
      late: 1,
    });
    expect((await plan(one)).batches).toEqual([]);
    // But an answer is one, from wherever it comes.
    expect(await recordResults([success(old.customId)], { store })).toMatchObject({ stored: 1 });
    expect(await recordResults([success(next.customId, 'other')], { store })).toMatchObject({
      stored: 0,
      repeated: 1,
    });
    const { value } = await resultsOf(await plan(one), { store }).next();
    expect(value).toMatchObject({ requesters: ['anna'], response: { id: 'msg' } });
  });

  it('keeps the errors it is told to keep', async () => {
    const { store, plan } = setUp();
    const one = [request('A?', 'anna')];
    const { customId } = first(first((await plan(one)).batches).items);
    const storeErrors = ({ error }: { error?: unknown }) =>
      (error as { type: string }).type === 'error';
    expect(await recordResults([failure(customId)], { store, storeErrors })).toMatchObject({
      stored: 1,
      released: 0,
    });
    const again = await plan(one);
    expect(again.batches).toEqual([]);
    expect((await resultsOf(again, { store }).next()).value).toMatchObject({ outcome: 'errored' });
  });

  it('knows results of nothing that was planned, and of an item twice in one go', async () => {
    const { store, plan } = setUp();
    const { customId } = first(first((await plan([request('A?', 'anna')])).batches).items);
    const strange = [
      `${'ik_'.padEnd(35, '0')}-1`,
      'x',
      '',
      'ik_',
      `${customId}-1`,
      customId.slice(0, 35),
    ];
    const recorded = await recordResults(
      [...strange.map((id) => success(id)), success(customId), success(customId)],
      { store },
    );
    expect(recorded).toEqual({
      stored: 1,
      released: 0,
      repeated: 1,
      late: 0,
      unknown: strange.length,
      unknownIds: expect.arrayContaining(strange),
    });
  });

  it('holds a batch of which nobody knows, where nobody can be asked', async () => {
    const { clock, store, plan } = setUp({ leaseMs: HOUR_MS });
    const one = [request('A?')];
    const [batch] = (await plan(one)).batches as [PlannedBatch];
    let calls = 0;
    const api: BatchApi = {
      async create() {
        calls++;
        throw new Error('socket hang up');
      },
    };
    await expect(createBatch(batch, api, { store })).rejects.toThrow('socket hang up');
    for (let i = 0; i < 2; i++) {
      await expect(createBatch(batch, api, { store })).rejects.toMatchObject({
        code: 'SAMEKEY_UNKNOWN_OUTCOME',
      });
    }
    clock.pass(2 * HOUR_MS);
    const { batches, underway } = await plan(one);
    expect(batches).toEqual([]);
    expect(underway).toMatchObject([{ state: 'unknown', key: batch.key, batchId: undefined }]);
    expect(calls).toBe(1);

    // Until somebody can say that there is none.
    const find = async () => undefined;
    const settled = await settleBatch(first(underway), { ...api, find }, { store });
    expect(settled).toEqual({ state: 'absent' });
    expect(bodies((await plan(one)).batches)).toEqual([['A?']]);
  });

  it('is created once by many who try at the same time', async () => {
    const { store, plan } = setUp();
    const [batch] = (await plan([request('A?')])).batches as [PlannedBatch];
    const api = fakeApi();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => createBatch(batch, api, { store })),
    );
    expect(new Set(all.map(({ id }) => id))).toEqual(new Set(['batch_1']));
    expect(api.created()).toBe(1);
  });
});

describe('bad input of batches', () => {
  const store = memoryStore();
  const plan = (requests: unknown, options: object = {}) =>
    planBatch(requests as BatchRequest[], { store, provider: 'anthropic', ...options });

  it.each([
    [[7], /^Cannot plan the request 0: it is a number, wanted an object$/],
    [[null], /^Cannot plan the request 0: it is null/],
    [[request('A?'), {}], /^Cannot plan the request 1: params is missing, wanted/],
    [[{ custom_id: 7, params: {} }], /^Cannot plan the request 0: custom_id is a number/],
    [[{ params: [] }], /^Cannot plan the request 0: params is an array/],
    [[{ params: { a: Number.NaN } }], /"\/a"/],
  ])('%j', async (requests, message) => {
    await expect(plan(requests)).rejects.toThrow(message);
  });

  it('keeps no claim of a plan that it refused', async () => {
    const own = memoryStore();
    const many = Array.from({ length: 600 }, (_, i) => request(`${i}?`));
    await expect(plan([...many, 7], { store: own })).rejects.toThrow(/request 600/);
    const { batches } = await plan(many, { store: own });
    expect(batches.map(({ items }) => items.length)).toEqual([600]);
  });

  it.each([
    [{ provider: 'x' }, RangeError, /provider is not "anthropic" or "openai"/],
    [{ store: {} }, TypeError, /store has no claim\(\)/],
    [{ leaseMs: 0 }, RangeError, /leaseMs is 0/],
    [{ ttlMs: '1' }, TypeError, /ttlMs is text/],
    [{ lease: 1 }, TypeError, /there is no member "lease"/],
    [{ identity: 7 }, TypeError, /identity: wanted an object, not a number/],
    [{ limits: { max: 1 } }, TypeError, /there is no member "max"/],
    [{ limits: { maxRequests: 0 } }, RangeError, /maxRequests is 0/],
    [{ limits: { maxBytes: '1' } }, TypeError, /maxBytes is text/],
  ])('options %j', async (options, Class, message) => {
    const refused = plan([], options);
    await expect(refused).rejects.toThrow(Class);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ code: 'SAMEKEY_BAD_ARGUMENT' });
  });

  it('more than the provider takes, whatever the limits', async () => {
    const input = Array.from({ length: 50_001 }, (_, i) => `${i}`);
    const request = { url: '/v1/embeddings', body: { model: 'e', input } };
    const limits = { maxRequests: 1e6 };
    await expect(plan([request], { provider: 'openai', limits })).rejects.toThrow(
      'Cannot plan the request 0: it has 50001 inputs, wanted at most 50000 in a batch',
    );
  });

  it.each([
    [7, /^Cannot record the result 0: it is a number, wanted a line of a batch's results$/],
    [{}, /^Cannot record the result 0: it is an object of another kind/],
    [{ custom_id: 'x', result: { type: 'odd' } }, /result 0/],
    [{ custom_id: 'x', response: {} }, /result 0/],
  ])('a result %j', async (result, message) => {
    await expect(recordResults([result], { store })).rejects.toThrow(message);
  });

  it.each([
    ['x', {}, /^Cannot drop the batch: its key is text, wanted the key of a batch$/],
    [undefined, {}, /its key is undefined/],
    ['x', { store: {} }, /store has no claim\(\)/],
    ['x', { key: 1 }, /there is no member "key"/],
  ])('a batch to be dropped: %j %j', async (key, options, message) => {
    await expect(dropBatch(key as string, { store, ...options } as never)).rejects.toThrow(message);
  });

  it('a provider that gives no id', async () => {
    const { batches } = await plan([request('no id?')]);
    const api = { create: async () => ({}) } as unknown as BatchApi;
    await expect(createBatch(first(batches), api, { store })).rejects.toThrow(/create\(\) gave id/);
    // It was called, and may have created something.
    await expect(createBatch(first(batches), api, { store })).rejects.toMatchObject({
      code: 'SAMEKEY_UNKNOWN_OUTCOME',
    });
  });

  it('a wait that is given up', async () => {
    const own = memoryStore();
    const waiting = await plan([request('A?')], { store: own });
    const abort = new AbortController();
    const next = resultsOf(waiting, { store: own, signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    const none: unknown[] = [];
    for await (const each of resultsOf(waiting, { store: own, wait: false })) none.push(each);
    expect(none).toEqual([]);
  });
});
