import { describe, expect, it } from 'vitest';
import {
  type BatchApi,
  type BatchRequest,
  createBatch,
  type PlannedBatch,
  planBatch,
  recordResults,
} from '../../src/batch/batch.js';
import { customId, identities } from '../../src/index.js';
import type { Store } from '../../src/store/store.js';
import {
  ask,
  bodies,
  fakeApi,
  first,
  HOUR_MS,
  request,
  STORE_NAMES,
  setUp,
  success,
} from './plans.js';

describe.each(STORE_NAMES)('a plan on %s', (name) => {
  it('contains each request once, with a custom_id that providers accept and that begins with its key', async () => {
    const { plan } = setUp(name);
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

  it('splits batches at the limits of the provider', async () => {
    const { plan } = setUp(name);
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

  it('puts requests without a result into as few batches as possible', async () => {
    const { store, plan } = setUp(name, { limits: { maxRequests: 2 } });
    const old = await plan([request('A?'), request('C?')]);
    await recordResults(
      first(old.batches).items.map(({ customId }) => success(customId)),
      { store },
    );
    const { batches, finished } = await plan(['A?', 'B?', 'C?', 'D?'].map((each) => request(each)));
    expect(bodies(batches)).toEqual([['B?', 'D?']]);
    expect(finished.length).toBe(2);
  });

  it('separates URLs and models of OpenAI, and counts the inputs of embeddings', async () => {
    const { plan } = setUp(name, { provider: 'openai' });
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
    // The same body at another URL is another request.
    const ids = batches.flatMap(({ items }) => items.map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);

    const inputs = (count: number) => Array.from({ length: count }, (_, i) => `${count} ${i}`);
    const embeddings = await plan(
      [3, 4, 2].map((count) => body('/v1/embeddings', 'e', inputs(count))),
      { limits: { maxRequests: 7 } },
    );
    expect(embeddings.batches.map(({ items }) => items.length)).toEqual([2, 1]);
  });

  it('never puts a request into two of several concurrent plans', async () => {
    const { plan } = setUp(name);
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

  it('claims requests for leaseMs, and for ttlMs once their batch is created', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    const forgotten = await plan([request('A?')]);
    const sent = await plan([request('B?')]);
    await createBatch(first(sent.batches), fakeApi(), { store });
    const both = [request('A?'), request('B?')];
    const during = await plan(both);
    expect(during.batches).toEqual([]);
    expect(during.inProgress.map(({ state, batchId }) => [state, batchId]).sort()).toEqual([
      ['created', 'batch_1'],
      ['planned', undefined],
    ]);

    clock.pass(HOUR_MS);
    const after = await plan(both);
    expect(bodies(after.batches)).toEqual([['A?']]);
    expect(after.inProgress.map(({ batchId }) => batchId)).toEqual(['batch_1']);
    await expect(createBatch(first(forgotten.batches), fakeApi(), { store })).rejects.toThrow(
      /^Cannot create the batch ik_\w{64}: 1 of its 1 items are no longer the plan's, wanted createBatch within 3600000 ms/,
    );

    clock.pass(31 * 24 * HOUR_MS);
    expect(bodies((await plan(both)).batches)).toEqual([['A?', 'B?']]);
  });

  it('renews claims when a batch is created shortly before they expire', async () => {
    const { clock, store, plan } = setUp(name, { leaseMs: HOUR_MS });
    const late = await plan([request('A?')]);
    clock.pass(HOUR_MS - 1);
    const api: BatchApi = {
      async create() {
        // The upload takes half an hour.
        clock.pass(HOUR_MS / 2);
        expect((await plan([request('A?')])).batches).toEqual([]);
        return { id: 'batch_1' };
      },
    };
    expect(await createBatch(first(late.batches), api, { store })).toMatchObject({ id: 'batch_1' });
  });

  it('releases the requests of batches that were not created', async () => {
    const { store, plan } = setUp(name, { limits: { maxRequests: 1 } });
    const both = [request('A?'), request('B?')];
    const released = await plan(both);
    await createBatch(first(released.batches), fakeApi(), { store });
    await released.release();
    expect(bodies((await plan(both)).batches)).toEqual([['B?']]);
  });

  it('does not release a batch while it is being created', async () => {
    const { store, plan } = setUp(name);
    const both = [request('A?'), request('B?')];
    const released = await plan(both);
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
    const [one] = await Promise.all([creating(released.batches), released.release()]);
    const [, other] = await Promise.all([slow.release(), creating(slow.batches)]);
    expect([one, other]).toEqual([{ id: 'batch_1', outcome: 'executed' }, 'SAMEKEY_LEASE_LOST']);
    expect(bodies((await plan([...both, request('C?')])).batches)).toEqual([['C?']]);
  });
});
