import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/index.js';
import { richCodec } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { setUp } from './scene.js';

const KEY = keyOf({ order: 7 });

describe('results', () => {
  it('may be nothing', async () => {
    const { once } = setUp();
    expect(await once(KEY, () => {})).toBeUndefined();
    expect(await once.detailed(KEY, () => {})).toMatchObject({
      outcome: 'replayed',
      value: undefined,
    });
  });

  it('may be bytes, dates and maps with the rich codec', async () => {
    const store = memoryStore();
    const value = { bytes: Uint8Array.of(0, 255), at: new Date(5), map: new Map([[1n, NaN]]) };
    await setUp({ store, codec: richCodec }).once(KEY, () => value);
    expect(await setUp({ store, codec: richCodec }).once(KEY, () => value)).toEqual(value);
    // The name tells a reader how to decode it.
    expect(await setUp({ store }).once(KEY, () => value)).toEqual(value);
  });

  it.each([
    ['a Map', () => new Map(), /Map/],
    ['NaN', () => ({ n: [1, NaN] }), /\/n\/1/],
    ['a function', () => () => {}, /function/],
  ])('that JSON would lose are refused and in the error: %s', async (_, make, message) => {
    const { once, call } = setUp();
    const value = make();
    const [outcome] = await Promise.allSettled([once(KEY, () => value as unknown)]);
    expect(outcome).toMatchObject({
      reason: { code: 'SAMEKEY_UNSTORABLE', message: expect.stringMatching(message) },
    });
    expect((outcome as PromiseRejectedResult).reason.value).toBe(value);
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });

  it('over the limit are refused and in the error', async () => {
    const { once, call } = setUp({ maxResultBytes: 100 });
    await expect(once(KEY, () => 'x'.repeat(99))).rejects.toMatchObject({
      code: 'SAMEKEY_TOO_LONG',
      value: 'x'.repeat(99),
    });
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });
});

describe('who ran it', () => {
  it('is told of every end of a run once', async () => {
    const { once, types, events } = setUp({ maxResultBytes: 10, timeoutMs: 20 });
    const keys = Array.from({ length: 3 }, (_, i) => keyOf({ i })) as [string, string, string];
    await Promise.allSettled([
      once(keys[0], () => 'x'.repeat(10)),
      once(keys[1], () => Number.NaN),
      once(keys[2], () => new Promise(() => {})),
    ]);
    expect(types()).toEqual(['failed', 'failed', 'failed']);
    expect(events.map((event) => event.type === 'failed' && event.error)).toMatchObject([
      { code: 'SAMEKEY_TOO_LONG' },
      { code: 'SAMEKEY_UNSTORABLE' },
      { code: 'SAMEKEY_TIMEOUT' },
    ]);
    expect(once.stats()).toMatchObject({ failed: 3, executed: 0, inFlight: 0 });
  });

  it('is told that the store has no room for it, and the next one runs again', async () => {
    const store = memoryStore({ maxBytes: 100 });
    const { once, types } = setUp({ store, storeErrors: () => true });
    const value = 'x'.repeat(200);
    await expect(once(KEY, () => value)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE_FULL',
      value,
      message: expect.stringMatching(/Cannot store 202 bytes .*: wanted at most 100 \(maxBytes\)/),
    });
    const long = new Error(value);
    await expect(once(KEY, () => Promise.reject(long))).rejects.toBe(long);
    expect(await once.inspect(KEY)).toBeUndefined();
    expect(await once(KEY, () => 'short')).toBe('short');
    expect(types()).toEqual(['storeError', 'failed', 'storeError', 'failed', 'executed']);
  });
});

describe('the cache', () => {
  it('is bounded and evicts finished results only', async () => {
    const { once, call, calls } = setUp({ cache: { maxEntries: 10 } });
    let finish = () => {};
    const running = once(KEY, () => new Promise<void>((resolve) => (finish = resolve)));
    for (let i = 0; i < 100; i++) await once(keyOf({ i }), call);
    expect(once.stats()).toMatchObject({ cached: 10, inFlight: 1 });
    const joined = once(KEY, call);
    finish();
    await Promise.all([running, joined]);
    expect(calls()).toBe(100);
  });

  it('is in front of the store for a time of its own', async () => {
    let nowMs = 0;
    const options = { cache: { ttlMs: 100 }, clock: () => nowMs };
    const { once, call } = setUp(options);
    await once(KEY, call);
    expect((await once.detailed(KEY, call)).layer).toBe('process');
    nowMs = 100;
    expect((await once.detailed(KEY, call)).layer).toBe('store');
  });

  it('can be left out', async () => {
    const { once, call } = setUp({ cache: false });
    await once(KEY, call);
    expect(await once.detailed(KEY, call)).toMatchObject({ layer: 'store', value: { answer: 1 } });
  });
});

describe('onEvent', () => {
  it('has the key and the trace of each call', async () => {
    const { once, call, events } = setUp();
    const [a, b] = ['00-aa-01-01', '00-bb-02-01'];
    await Promise.all([once(KEY, call, { traceparent: a }), once(KEY, call, { traceparent: b })]);
    const joined = { type: 'joined', key: KEY, traceparent: b, joinedTraceparent: a };
    expect(events).toEqual([
      expect.objectContaining({ type: 'executed', key: KEY, traceparent: a, attempt: 1 }),
      expect.objectContaining(joined),
    ]);
  });

  it('may throw', async () => {
    const { once, call } = setUp({
      onEvent() {
        throw new Error('not my business');
      },
    });
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });
});
