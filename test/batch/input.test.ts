import { describe, expect, it } from 'vitest';
import {
  type BatchApi,
  type BatchRequest,
  createBatch,
  dropBatch,
  planBatch,
  recordResults,
  resultsOf,
} from '../../src/batch/batch.js';
import { memoryStore } from '../../src/store/memory.js';
import { first, request } from './plans.js';

describe('invalid input of batches', () => {
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

  it('leaves no claim of a plan that it refused', async () => {
    const own = memoryStore();
    const many = Array.from({ length: 600 }, (_, i) => request(`${i}?`));
    await expect(plan([...many, 7], { store: own })).rejects.toThrow(/request 600/);
    const { batches } = await plan(many, { store: own });
    expect(batches.map(({ items }) => items.length)).toEqual([600]);
  });

  it.each([
    [{ provider: 'x' }, RangeError, /provider is "x", wanted "anthropic" or "openai"/],
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

  it('a request beyond the limits of the provider, also with larger limits', async () => {
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

  it('a provider that returns no id', async () => {
    const { batches } = await plan([request('no id?')]);
    const api = { create: async () => ({}) } as unknown as BatchApi;
    await expect(createBatch(first(batches), api, { store })).rejects.toThrow(
      /create\(\) returned the id/,
    );
    // The call may have created a batch.
    await expect(createBatch(first(batches), api, { store })).rejects.toMatchObject({
      code: 'SAMEKEY_UNKNOWN_OUTCOME',
    });
  });

  it('a wait that is aborted', async () => {
    const own = memoryStore();
    const waiting = await plan([request('A?')], { store: own });
    const abort = new AbortController();
    const next = resultsOf(waiting, { store: own, signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    const aborted = resultsOf(waiting, { store: own, signal: abort.signal, wait: false }).next();
    await expect(aborted).rejects.toThrow('enough');
    const none: unknown[] = [];
    for await (const each of resultsOf(waiting, { store: own, wait: false })) none.push(each);
    expect(none).toEqual([]);
  });
});
