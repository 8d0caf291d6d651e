import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../examples/provider/provider.mjs';
import {
  anthropicBatches,
  type BatchApi,
  type BatchPlan,
  type BatchProvider,
  type BatchRequest,
  createBatch,
  openaiBatches,
  type PlannedBatch,
  planBatch,
  recordResults,
  resultsOf,
  settleBatch,
} from '../../src/batch/batch.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

interface Provider {
  url: string;
  requests: { method: string; path: string; body: string; isBilled: boolean }[];
  billedCount(): number;
  billedByBody: Map<string, number>;
  stop(): Promise<void>;
}

let provider: Provider;
afterEach(() => provider.stop());

/** The test provider lists a created batch at once. */
const SETTLE_MS = 200;

/** The real SDKs, with their own retries. */
const SIDES: Record<
  BatchProvider,
  {
    request(name: string | undefined, question: string): BatchRequest;
    api(): BatchApi;
    createPath: string;
    /** Waits for the results of a batch. */
    results(id: string): Promise<unknown[]>;
    text(response: never): string;
  }
> = {
  anthropic: {
    request: (name, content) => ({
      ...(name && { custom_id: name }),
      params: { model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] },
    }),
    api: () => anthropicBatches(anthropic()),
    createPath: '/v1/messages/batches',
    async results(id) {
      const client = anthropic();
      while ((await client.messages.batches.retrieve(id)).processing_status !== 'ended');
      const results: unknown[] = [];
      for await (const result of await client.messages.batches.results(id)) results.push(result);
      return results;
    },
    text: ({ content }: { content: { text: string }[] }) => content[0]?.text ?? '',
  },
  openai: {
    request: (name, content) => ({
      ...(name && { custom_id: name }),
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'm', messages: [{ role: 'user', content }] },
    }),
    api: () => openaiBatches(openai()),
    createPath: '/v1/batches',
    async results(id) {
      const client = openai();
      for (;;) {
        const batch = await client.batches.retrieve(id);
        if (batch.status !== 'completed') continue;
        const files = [batch.output_file_id, batch.error_file_id].filter((each) => each != null);
        const texts = await Promise.all(
          files.map(async (file) => (await client.files.content(file)).text()),
        );
        return texts
          .flatMap((text) => text.split('\n').filter(Boolean))
          .map((line) => JSON.parse(line));
      }
    },
    text: ({ choices }: { choices: { message: { content: string } }[] }) =>
      choices[0]?.message.content ?? '',
  },
};

const anthropic = () => new Anthropic({ apiKey: 'none', baseURL: provider.url });
const openai = () => new OpenAI({ apiKey: 'none', baseURL: `${provider.url}/v1` });

async function start(options: object = {}): Promise<void> {
  provider = await startProvider(options);
}

const createCount = (path: string) =>
  provider.requests.filter(({ method, path: each }) => method === 'POST' && each === path).length;

describe.each(['anthropic', 'openai'] as const)('batches by the SDK of %s', (name) => {
  const { request, api, createPath, results, text } = SIDES[name];
  /** How the provider answers each POST that creates a batch, in turn. */
  const moods =
    (...list: string[]) =>
    ({ method, path }: { method: string; path: string }) =>
      method === 'POST' && path === createPath ? list.shift() : undefined;

  const plan = (store: Store, requests: BatchRequest[]): Promise<BatchPlan> =>
    planBatch(requests, { store, provider: name });
  const createAll = (store: Store, { batches }: Pick<BatchPlan, 'batches'>) =>
    Promise.all(batches.map((batch) => createBatch(batch, api(), { store, settleMs: SETTLE_MS })));

  it('sends each request once, and reports its result to all requesters', async () => {
    await start();
    const store = memoryStore();
    const first = await plan(store, [
      request('anna', 'A?'),
      request('ben', 'B?'),
      request('carla', 'A?'),
      request(undefined, 'C?'),
    ]);
    expect(first.batches.map(({ items }) => items.length)).toEqual([3]);
    const [created] = await createAll(store, first);
    expect(created).toEqual({ id: expect.stringMatching(/batch_1$/), outcome: 'executed' });

    // Another caller plans before the first batch has ended.
    const second = await plan(store, [request('dora', 'A?'), request('emil', 'D?')]);
    expect(second.batches.map(({ items }) => items.length)).toEqual([1]);
    expect(second.inProgress).toMatchObject([{ state: 'created', batchId: created?.id }]);
    const [other] = await createAll(store, second);

    const answers: Record<string, string> = {};
    for (const id of [other?.id, created?.id]) {
      await recordResults(await results(id as string), {
        store,
        onResult({ requesters, outcome, response }) {
          expect(outcome).toBe('succeeded');
          for (const each of requesters) answers[each] = text(response as never);
        },
      });
    }
    expect(Object.keys(answers).sort()).toEqual(['anna', 'ben', 'carla', 'dora', 'emil']);
    expect(answers.anna).toMatch(/A\?$/);
    expect(answers.carla).toBe(answers.anna);
    expect(answers.dora).toBe(answers.anna);
    expect(answers.ben).toMatch(/B\?$/);
    expect(provider.billedCount()).toBe(4);

    const third = await plan(store, [request('fred', 'A?')]);
    expect(third.batches).toEqual([]);
    const replayed: unknown[] = [];
    for await (const { requesters, response } of resultsOf(third, { store })) {
      replayed.push([requesters, text(response as never)]);
    }
    expect(replayed).toEqual([[['fred'], answers.anna]]);
  });

  it('sends only the failed requests again after a partial failure', async () => {
    await start({ moods: moods('partial:3') });
    const store = memoryStore();
    const requests = ['A?', 'B?', 'C?', 'D?', 'E?', 'F?'].map((each) => request(each, each));
    const [first] = await createAll(store, await plan(store, requests));
    const recorded = await recordResults(await results(first?.id as string), { store });
    expect(recorded).toMatchObject({ stored: 4, released: 2, unknown: 0 });

    const again = await plan(store, requests);
    expect(again.finished.length).toBe(4);
    const missing = again.batches.flatMap(({ items }) => items.map(({ id }) => id));
    expect(missing.flatMap((id) => again.requesters.get(id) ?? [])).toEqual(['C?', 'F?']);
    const [second] = await createAll(store, again);
    expect(second?.id).not.toBe(first?.id);
    // The first batch again: four known results, and two late failures.
    const repeated = await recordResults(await results(first?.id as string), { store });
    expect(repeated).toMatchObject({ stored: 0, released: 0, repeated: 4, late: 2 });

    expect(await recordResults(await results(second?.id as string), { store })).toMatchObject({
      stored: 2,
      released: 0,
    });
    expect((await plan(store, requests)).finished.length).toBe(6);
    expect([...provider.billedByBody.values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it.each([
    ['the connection broke after the provider had created it', 'lose'],
    ['the response was cut off', 'cut'],
    ['the provider created it and answered 429', 'refuse'],
  ])('creates one batch when %s', async (_, mood) => {
    await start({ moods: moods(mood) });
    const store = memoryStore();
    const { batches } = await plan(store, [request('a', 'A?'), request('b', 'B?')]);
    const [batch] = batches;
    const create = () =>
      createBatch(batch as (typeof batches)[0], api(), { store, settleMs: SETTLE_MS });
    let created: Awaited<ReturnType<typeof create>> | undefined;
    for (let attempt = 0; created === undefined && attempt < 10; attempt++) {
      created = await create().catch((error) => {
        // A Message Batch is recognized by its results, so it has to end first.
        if (name === 'anthropic') return pollAll();
        throw error;
      });
    }
    expect(created).toEqual({ id: expect.stringMatching(/batch_1$/), outcome: 'found' });
    expect(await create()).toMatchObject({ id: created?.id });
    expect(createCount(createPath)).toBe(1);
    expect(provider.billedCount()).toBe(2);
  });

  it.each(['500', '529', '429'])('creates the batch again after a %s', async (status) => {
    await start({ moods: moods(status) });
    const store = memoryStore();
    const { batches } = await plan(store, [request('a', 'A?')]);
    const [batch] = batches as [(typeof batches)[0]];
    const options = { store, settleMs: SETTLE_MS };
    await expect(createBatch(batch, api(), options)).rejects.toMatchObject({
      status: Number(status),
    });
    expect(await createBatch(batch, api(), options)).toMatchObject({ outcome: 'executed' });
    expect(createCount(createPath)).toBe(2);
    expect(provider.billedCount()).toBe(1);
  });

  it('is found by the next process when the first one ended during the creation', async () => {
    await start({ moods: moods('lose') });
    let nowMs = Date.now();
    const store = memoryStore({ clock: () => nowMs });
    const requests = [request('a', 'A?'), request('b', 'B?')];
    const { batches } = await planBatch(requests, { store, provider: name });
    const [batch] = batches as [(typeof batches)[0]];
    // A create() whose caller never sees the end of the call.
    const never: BatchApi = {
      ...api(),
      create: (...args) =>
        api()
          .create(...args)
          .catch(() => new Promise<never>(() => {})),
    };
    createBatch(batch, never, { store: withoutRenewals(store) }).catch(() => {});
    while (provider.billedCount() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    // Its leases are over.
    nowMs += 2 * 3_600_000;

    let settled: Awaited<ReturnType<typeof settleBatch>> = { state: 'unknown' };
    while (settled.state === 'unknown') {
      await pollAll();
      const next = await plan(store, requests);
      // Requests that may have been sent are in no other plan.
      expect(next.batches).toEqual([]);
      const [other] = next.inProgress;
      if (other !== undefined)
        settled = await settleBatch(other, api(), { store, settleMs: SETTLE_MS });
    }
    expect(settled).toEqual({ state: 'created', id: expect.stringMatching(/batch_1$/) });
    const [after] = (await plan(store, requests)).inProgress;
    expect(after).toMatchObject({ state: 'created', batchId: expect.any(String) });
    expect(provider.billedCount()).toBe(2);
  });

  it('is planned again when the first process ended before the creation', async () => {
    await start();
    const store = memoryStore();
    const requests = [request('a', 'A?'), request('b', 'B?')];
    const dead = await planBatch(requests, { store, provider: name, leaseMs: 50 });
    // The two leases may end in different milliseconds, and a plan may fall between them.
    const next: PlannedBatch[] = [];
    while (next.flatMap(({ items }) => items).length < requests.length) {
      next.push(...(await plan(store, requests)).batches);
    }
    const [created] = await createAll(store, { batches: next });
    // The first process resumes after all.
    const [late] = dead.batches as [(typeof dead.batches)[0]];
    await expect(createBatch(late, api(), { store })).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
    });
    expect(created).toMatchObject({ outcome: 'executed' });
    expect(provider.billedCount()).toBe(2);
  });
});

/** Ends all batches: the test provider ends a batch when it is polled. */
async function pollAll(): Promise<undefined> {
  const client = anthropic();
  for await (const { id } of client.messages.batches.list()) {
    await client.messages.batches.retrieve(id);
  }
  return undefined;
}

/** A store as a stopped process uses it: without renewals. */
const withoutRenewals = (store: Store): Store => ({
  name: store.name,
  claim: (...args) => store.claim(...args),
  renew: async () => true,
  complete: (...args) => store.complete(...args),
  release: (...args) => store.release(...args),
  read: (...args) => store.read(...args),
  evict: (...args) => store.evict(...args),
  close: () => store.close(),
});
