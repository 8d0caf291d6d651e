import { describe, expect, it, vi } from 'vitest';
import { keyOf } from '../../src/index.js';
import { createOnce } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { setUp, sleep } from './scene.js';

const KEY = keyOf({ order: 7 });

describe('once', () => {
  it('runs the function once for ten thousand callers at once', async () => {
    const { once, call, calls } = setUp();
    const results = await Promise.all(Array.from({ length: 10_000 }, () => once(KEY, call)));
    expect(calls()).toBe(1);
    for (const result of results) expect(result).toEqual({ answer: 1 });
    expect(once.stats()).toMatchObject({ executed: 1, joined: 9999, replayed: 0, inFlight: 0 });
  });

  it('says how each result came about', async () => {
    const { once, call } = setUp();
    const [first, second] = await Promise.all([once.detailed(KEY, call), once.detailed(KEY, call)]);
    const third = await once.detailed(KEY, call);
    expect(first).toMatchObject({ outcome: 'executed', layer: 'process', ageMs: 0 });
    expect(second).toMatchObject({ outcome: 'joined', layer: 'process' });
    expect(third).toMatchObject({ outcome: 'replayed', layer: 'process', value: { answer: 1 } });
    expect(third.ageMs).toBeGreaterThanOrEqual(0);
  });

  it('replays from the store what another process left there', async () => {
    const store = memoryStore();
    const { call } = setUp();
    await createOnce({ store })(KEY, call);
    const other = setUp({ store });
    expect(await other.once.detailed(KEY, call)).toMatchObject({
      outcome: 'replayed',
      layer: 'store',
      value: { answer: 1 },
    });
    expect(other.types()).toEqual(['replayed']);
  });

  it('gives every duplicate a copy of its own', async () => {
    const { once, call } = setUp();
    const [first, joined] = await Promise.all([once(KEY, call), once(KEY, call)]);
    first.answer = 100;
    joined.answer = 200;
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });

  it('keeps keys apart', async () => {
    const { once, call } = setUp();
    const keys = Array.from({ length: 50 }, (_, i) => keyOf({ i }));
    const results = await Promise.all(keys.map((key) => once(key, call)));
    expect(new Set(results.map(({ answer }) => answer)).size).toBe(50);
  });

  it('tells the function what it needs to know', async () => {
    const { once } = setUp();
    const seen = await once(KEY, ({ signal, key, attempt, fencingToken }) => {
      expect(signal.aborted).toBe(false);
      return { key, attempt, fencingToken };
    });
    expect(seen).toMatchObject({ key: KEY, attempt: 1 });
    expect(seen.fencingToken).toBeGreaterThan(0);
  });

  it('fencing tokens grow with every run', async () => {
    const { once } = setUp();
    const tokens: number[] = [];
    for (let i = 0; i < 5; i++) {
      await once(KEY, ({ fencingToken }) => tokens.push(fencingToken), { fresh: true });
    }
    expect(tokens).toHaveLength(5);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  it('keeps a result for ttlMs and no longer', async () => {
    let nowMs = 1_000_000;
    const clock = () => nowMs;
    const { once, call } = setUp({ store: memoryStore({ clock }), clock, ttlMs: 1000 });
    await once(KEY, call);
    nowMs += 999;
    expect(await once(KEY, call)).toEqual({ answer: 1 });
    nowMs += 1;
    expect(await once(KEY, call)).toEqual({ answer: 2 });
  });

  it('runs again when asked for something fresh, and keeps that', async () => {
    const { once, call } = setUp();
    await once(KEY, call);
    expect(await once(KEY, call, { fresh: true })).toEqual({ answer: 2 });
    expect(await once(KEY, call)).toEqual({ answer: 2 });
  });

  it('keeps the result that is there if running it again fails', async () => {
    const { once, call } = setUp({ cache: false });
    await once(KEY, call);
    const failing = once(KEY, () => Promise.reject(new Error('429')), { fresh: true });
    await expect(failing).rejects.toThrow('429');
    const { outcome, value } = await once.detailed(KEY, call);
    expect({ outcome, value }).toEqual({ outcome: 'replayed', value: { answer: 1 } });
  });

  it('fresh joins what is running', async () => {
    const { once, call, calls } = setUp();
    await Promise.all([once(KEY, call), once(KEY, call, { fresh: true })]);
    expect(calls()).toBe(1);
  });

  it('forgets what is evicted', async () => {
    const { once, call, types } = setUp();
    expect(await once.evict(KEY)).toBe(false);
    await once(KEY, call);
    expect(await once.evict(KEY)).toBe(true);
    expect(await once.inspect(KEY)).toBeUndefined();
    expect(await once(KEY, call)).toEqual({ answer: 2 });
    expect(types()).toEqual(['executed', 'evicted', 'executed']);
  });

  it('forgets what is evicted while somebody is being given it', async () => {
    const store = memoryStore();
    const { once, call } = setUp({ store });
    await once(KEY, call);
    const other = setUp({ store }).once;
    const replay = other(KEY, call);
    expect(await other.evict(KEY)).toBe(true);
    expect(await replay).toEqual({ answer: 1 });
    expect(await other(KEY, call)).toEqual({ answer: 2 });
  });

  it('runs afresh for a caller that came while another looked', async () => {
    const store = memoryStore();
    const { once, call } = setUp({ store });
    await once(KEY, call);
    const other = setUp({ store }).once;
    const both = await Promise.all([other(KEY, call), other(KEY, call, { fresh: true })]);
    expect(both).toEqual([{ answer: 1 }, { answer: 2 }]);
  });

  it('has one listener for all calls with a signal', async () => {
    const { once, call } = setUp();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    await Promise.all(Array.from({ length: 100 }, () => once(KEY, call, { signal })));
    expect(added).toHaveBeenCalledTimes(1);
  });

  it('does not evict what is running', async () => {
    const { once, call, calls } = setUp();
    const running = once(KEY, call);
    await sleep(1);
    expect(await once.evict(KEY)).toBe(false);
    await running;
    expect(calls()).toBe(1);
  });

  it('shows the record', async () => {
    const { once, call } = setUp();
    const running = once(KEY, call);
    await sleep(1);
    expect(await once.inspect(KEY)).toMatchObject({ state: 'running', attempt: 1 });
    await running;
    const record = await once.inspect(KEY);
    expect(record).toMatchObject({ state: 'done', codec: 'json' });
    expect(new TextDecoder().decode(record?.payload)).toBe('{"answer":1}');
  });

  it('rejects no duplicate that came while another only looked for a result', async () => {
    const store = memoryStore();
    const { call } = setUp({ store });
    await setUp({ store }).once(KEY, call);
    const { once, types } = setUp({ store, onDuplicate: 'reject' });
    const many = Array.from({ length: 5 }, () => once(KEY, call));
    expect(await Promise.all(many)).toEqual(Array(5).fill({ answer: 1 }));
    expect(types()).toEqual(['replayed', 'joined', 'joined', 'joined', 'joined']);
    const other = keyOf({ order: 8 });
    const [first, ...rest] = await Promise.allSettled([once(other, call), once(other, call)]);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(rest).toMatchObject([{ reason: { code: 'SAMEKEY_IN_PROGRESS' } }]);
    expect(types().slice(-2)).toEqual(['conflict', 'executed']);
  });

  it('after close takes no calls, but ends the ones under way', async () => {
    const { once, call } = setUp();
    const running = once(KEY, call);
    const closing = once.close();
    await expect(once(KEY, call)).rejects.toMatchObject({ code: 'SAMEKEY_CLOSED' });
    await closing;
    expect(await running).toEqual({ answer: 1 });
  });
});

describe('errors of the function', () => {
  it('reach all who wait, and are not kept', async () => {
    const { once, types } = setUp();
    let calls = 0;
    const fail = async () => {
      await sleep(2);
      throw new Error(`failure ${++calls}`);
    };
    const [first, second] = await Promise.allSettled([once(KEY, fail), once(KEY, fail)]);
    expect(first).toMatchObject({ reason: { message: 'failure 1' } });
    expect(second).toMatchObject({ reason: { message: 'failure 1' } });
    await expect(once(KEY, fail)).rejects.toThrow('failure 2');
    expect(await once.inspect(KEY)).toBeUndefined();
    expect(types()).toEqual(['failed', 'failed']);
  });

  it('are kept if storeErrors says so, and come again as what they were', async () => {
    const store = memoryStore();
    class Declined extends Error {
      override readonly name = 'Declined';
      readonly code = 'card_declined';
      readonly status = 402;
    }
    const { once } = setUp({ store, storeErrors: (error) => error instanceof Declined });
    const declined = new Declined('no funds');
    let calls = 0;
    const pay = async () => {
      calls++;
      throw declined;
    };
    await expect(once(KEY, pay)).rejects.toBe(declined);
    const kept = { name: 'Declined', message: 'no funds', code: 'card_declined', status: 402 };
    await expect(once(KEY, pay)).rejects.toMatchObject({ ...kept, replayed: true });
    // Another process.
    await expect(setUp({ store }).once(KEY, pay)).rejects.toMatchObject(kept);
    expect(calls).toBe(1);
  });

  it('reach the caller whatever storeErrors makes of them', async () => {
    const storeErrors = (error: unknown) => (error as { status: number }).status === 422;
    const { once, call } = setUp({ storeErrors });
    const [outcome] = await Promise.allSettled([once(KEY, () => Promise.reject())]);
    expect(outcome).toEqual({ status: 'rejected', reason: undefined });
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });

  it('may be undefined, or come before there is a promise', async () => {
    const { once, call } = setUp();
    const throwing = () => {
      throw undefined;
    };
    const [outcome] = await Promise.allSettled([once(KEY, throwing)]);
    expect(outcome).toEqual({ status: 'rejected', reason: undefined });
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });
});

describe('a caller that gives up', () => {
  it('leaves the run to the others', async () => {
    const { once, call, calls } = setUp();
    const controller = new AbortController();
    const leaving = once(KEY, call, { signal: controller.signal });
    const staying = once(KEY, call);
    controller.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    expect(await staying).toEqual({ answer: 1 });
    expect(calls()).toBe(1);
  });

  it('finds the result when it comes again', async () => {
    const { once } = setUp();
    const controller = new AbortController();
    let calls = 0;
    let aborted: boolean | undefined;
    const call = async ({ signal }: { signal: AbortSignal }) => {
      calls++;
      await sleep(20);
      aborted = signal.aborted;
      return 'done';
    };
    const leaving = once(KEY, call, { signal: controller.signal });
    await sleep(2);
    controller.abort();
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' });
    expect(await once(KEY, call)).toBe('done');
    expect([calls, aborted]).toEqual([1, false]);
  });

  it('as the last one aborts the call, where that is wanted', async () => {
    const { once, call } = setUp({ onAbandoned: 'abort' });
    const [one, two] = [new AbortController(), new AbortController()];
    let reason: unknown;
    const hang = ({ signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(signal.reason);
        });
      });
    const both = Promise.allSettled([
      once(KEY, hang, { signal: one.signal }),
      once(KEY, hang, { signal: two.signal }),
    ]);
    await sleep(2);
    one.abort(new Error('first'));
    await sleep(2);
    expect(reason).toBeUndefined();
    two.abort(new Error('last'));
    await both;
    await sleep(2);
    expect(reason).toMatchObject({ message: 'last' });
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });

  it('is joined by nobody once its run is aborted', async () => {
    const { once, call } = setUp({ onAbandoned: 'abort' });
    const controller = new AbortController();
    const hang = ({ signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), 10));
      });
    const leaving = once(KEY, hang, { signal: controller.signal });
    await sleep(2);
    controller.abort();
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' });
    expect(await once(KEY, call)).toEqual({ answer: 1 });
  });

  it('before it began runs nothing', async () => {
    const { once, call, calls } = setUp();
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(once(KEY, call, { signal })).rejects.toThrow('too late');
    expect(calls()).toBe(0);
  });
});

describe('a fingerprint', () => {
  it('of another payload is refused, before anything is said of its running', async () => {
    const { once, call, types } = setUp({ onDuplicate: 'reject' });
    const running = once(KEY, call, { fingerprint: 'a' });
    await expect(once(KEY, call, { fingerprint: 'b' })).rejects.toMatchObject({
      code: 'SAMEKEY_MISMATCH',
    });
    await expect(once(KEY, call, { fingerprint: 'a' })).rejects.toMatchObject({
      code: 'SAMEKEY_IN_PROGRESS',
    });
    await running;
    await expect(once(KEY, call, { fingerprint: 'b' })).rejects.toMatchObject({
      code: 'SAMEKEY_MISMATCH',
      record: { state: 'done' },
    });
    expect(await once(KEY, call, { fingerprint: 'a' })).toEqual({ answer: 1 });
    expect(types()).toEqual(['mismatch', 'conflict', 'executed', 'mismatch', 'replayed']);
  });

  it('is checked for callers that join a run without one', async () => {
    const store = memoryStore();
    await setUp({ store }).once(KEY, () => 'a', { fingerprint: 'a' });
    const { once } = setUp({ store });
    const all = [once(KEY, () => 'b'), once(KEY, () => 'b', { fingerprint: 'b' })];
    const [first, second] = await Promise.allSettled(all);
    expect(first).toMatchObject({ value: 'a' });
    expect(second).toMatchObject({ reason: { code: 'SAMEKEY_MISMATCH' } });
  });

  it('is checked in another process, too', async () => {
    const store = memoryStore();
    const { once, call } = setUp({ store });
    const running = once(KEY, call, { fingerprint: 'a' });
    await sleep(1);
    const other = setUp({ store, onDuplicate: 'reject' }).once;
    const mismatch = { code: 'SAMEKEY_MISMATCH' };
    await expect(other(KEY, call, { fingerprint: 'b' })).rejects.toMatchObject(mismatch);
    await running;
    await expect(other(KEY, call, { fingerprint: 'b' })).rejects.toMatchObject(mismatch);
  });
});
