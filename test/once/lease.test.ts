import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { request } from '../store/requests.js';
import { but, crash, never, processOn, sleep } from './scene.js';

const KEY = keyOf({ order: 8 });

/** The same store without `watch`. */
const silent = (store: Store): Store => ({
  name: 'silent',
  claim: store.claim.bind(store),
  renew: store.renew.bind(store),
  complete: store.complete.bind(store),
  release: store.release.bind(store),
  read: store.read.bind(store),
  evict: store.evict.bind(store),
  close: store.close.bind(store),
});

describe('a run in another process', () => {
  it.each([
    ['which tells', (memory: Store) => memory],
    ['which does not tell', silent],
  ])('is joined, on a store %s', async (_, make) => {
    const store = make(memoryStore());
    const [a, b] = [processOn(store), processOn(store)];
    let calls = 0;
    const call = async () => {
      await sleep(60);
      return ++calls;
    };
    const first = a.once.detailed(KEY, call);
    await sleep(5);
    const second = await b.once.detailed(KEY, call);
    expect(await first).toMatchObject({ value: 1, outcome: 'executed' });
    expect(second).toMatchObject({ value: 1, outcome: 'joined', layer: 'store' });
    expect(b.types()).toEqual(['joined']);
  });

  it('is run again by who waited, if it failed', async () => {
    const store = memoryStore();
    const [a, b] = [processOn(store), processOn(store)];
    const failing = a.once(KEY, async () => {
      await sleep(20);
      throw new Error('429');
    });
    const waiting = sleep(5).then(() => b.once.detailed(KEY, () => 'from b'));
    await expect(failing).rejects.toThrow('429');
    expect(await waiting).toMatchObject({ value: 'from b', outcome: 'executed' });
  });

  it('turns duplicates away where that is wanted', async () => {
    const store = memoryStore();
    const [a, b] = [processOn(store), processOn(store, { onDuplicate: 'reject' })];
    const first = a.once(KEY, () => sleep(20).then(() => 1));
    await sleep(2);
    await expect(b.once(KEY, () => 2)).rejects.toMatchObject({
      code: 'SAMEKEY_IN_PROGRESS',
      key: KEY,
      record: { state: 'running' },
    });
    expect(b.types()).toEqual(['conflict']);
    expect(await first).toBe(1);
  });

  it('is waited for no longer than waitMs', async () => {
    const store = memoryStore();
    const [a, b] = [processOn(store), processOn(store, { waitMs: 30 })];
    let finish = (_: number) => {};
    const first = a.once(KEY, () => new Promise<number>((resolve) => (finish = resolve)));
    await sleep(2);
    await expect(b.once(KEY, () => 2)).rejects.toMatchObject({ code: 'SAMEKEY_IN_PROGRESS' });
    finish(1);
    expect(await first).toBe(1);
    expect(await b.once(KEY, () => 2)).toBe(1);
  });

  it('is waited for waitMs by each caller from its own call, in one process too', async () => {
    const store = memoryStore();
    const [a, b] = [processOn(store), processOn(store, { waitMs: 300 })];
    let finish = (_: number) => {};
    const first = a.once(KEY, () => new Promise<number>((resolve) => (finish = resolve)));
    await sleep(2);
    const early = expect(b.once(KEY, () => 2)).rejects.toMatchObject({
      code: 'SAMEKEY_IN_PROGRESS',
      record: { state: 'running' },
    });
    await sleep(150);
    const late = b.once.detailed(KEY, () => 2);
    await early;
    expect(b.types()).toEqual(['conflict']);
    finish(1);
    expect(await late).toMatchObject({ value: 1, outcome: 'joined' });
    expect(await first).toBe(1);
  });

  it('that was given up on is waited for again by who comes at that moment', async () => {
    const store = memoryStore();
    const [a, b] = [processOn(store), processOn(store)];
    let finish = (_: string) => {};
    const first = a.once(KEY, () => new Promise<string>((resolve) => (finish = resolve)));
    await sleep(2);
    const controller = new AbortController();
    const left = b.once(KEY, () => 'b', { signal: controller.signal });
    await sleep(10);
    controller.abort();
    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    const late: Promise<string>[] = [];
    for (let i = 0; i < 20; i++) {
      late.push(b.once(KEY, () => 'b'));
      await null;
    }
    finish('a');
    expect(new Set(await Promise.all([first, ...late]))).toEqual(new Set(['a']));
  });

  it('is not made in its place for a caller that has left', async () => {
    const store = memoryStore();
    await crash(store, KEY, 300);
    const { once } = processOn(store);
    let calls = 0;
    const left = once(KEY, () => ++calls, { signal: AbortSignal.timeout(10) });
    await expect(left).rejects.toMatchObject({ name: 'TimeoutError' });
    await sleep(500);
    expect([calls, once.stats().inFlight]).toEqual([0, 0]);
    expect(await once(KEY, () => ++calls)).toBe(1);
  });

  it('keeps its lease as long as it lives', async () => {
    const store = memoryStore();
    // Long enough for a machine that pauses, and several times shorter than the run.
    const [a, b] = [processOn(store, { leaseMs: 300 }), processOn(store, { leaseMs: 300 })];
    const first = a.once(KEY, () => sleep(1500).then(() => 'a'));
    await sleep(5);
    expect(await b.once(KEY, () => 'b')).toBe('a');
    expect(await first).toBe('a');
    expect([...a.types(), ...b.types()]).toEqual(['executed', 'joined']);
  });
});

describe('an owner that was never heard of again', () => {
  it('is waited for as long as its lease lasts, then the next one runs', async () => {
    const store = memoryStore();
    await crash(store, KEY, 60);
    const { once, types } = processOn(store);
    const seen = await once(KEY, ({ attempt }) => attempt);
    expect(seen).toBe(2);
    expect(types()).toEqual(['unknown', 'executed']);
  });

  it('is taken over by one of many', async () => {
    const store = memoryStore();
    await crash(store, KEY, 30);
    let calls = 0;
    const many = Array.from({ length: 20 }, () => processOn(store).once(KEY, () => ++calls));
    expect(new Set(await Promise.all(many))).toEqual(new Set([1]));
  });

  it('holds the key until somebody has looked', async () => {
    const store = memoryStore();
    const owner = await crash(store, KEY, 10);
    await sleep(15);
    const { once, types } = processOn(store, { onUnknown: 'hold' });
    const held = { code: 'SAMEKEY_UNKNOWN_OUTCOME', record: { owner } };
    await expect(once(KEY, () => 1)).rejects.toMatchObject(held);
    await expect(once(KEY, () => 1)).rejects.toMatchObject(held);
    expect(await once.evict(KEY)).toBe(true);
    expect(await once(KEY, () => 1)).toBe(1);
    expect(types()).toEqual(['unknown', 'unknown', 'evicted', 'executed']);
  });

  it('has its result found out', async () => {
    const store = memoryStore();
    await crash(store, KEY, 10);
    await sleep(15);
    const asked: number[] = [];
    const { once, types } = processOn(store, {
      onUnknown: async ({ attempt }) => {
        asked.push(attempt);
        return { value: 'found' };
      },
    });
    expect(await once<string>(KEY, () => 'ran')).toBe('found');
    expect(await processOn(store).once<string>(KEY, () => 'ran')).toBe('found');
    expect(asked).toEqual([1]);
    expect(types()).toEqual(['unknown', 'executed']);
  });

  it('is held for longer than results are kept', async () => {
    const store = memoryStore();
    const options = { onUnknown: 'hold', ttlMs: 20, leaseMs: 30, timeoutMs: 5 } as const;
    const { once } = processOn(store, options);
    await expect(once(KEY, never)).rejects.toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    await sleep(100);
    const held = { code: 'SAMEKEY_UNKNOWN_OUTCOME' };
    await expect(once(KEY, () => 1)).rejects.toMatchObject(held);
  });

  it('is still unknown if what was found out about it cannot be kept', async () => {
    const store = memoryStore();
    const owner = await crash(store, KEY, 10);
    await sleep(15);
    const found = { value: new Map() };
    const { once } = processOn(store, { onUnknown: () => found });
    for (let i = 0; i < 2; i++) {
      const refused = { code: 'SAMEKEY_UNSTORABLE' };
      await expect(once(KEY, () => new Map())).rejects.toMatchObject(refused);
    }
    expect((await store.read(KEY)).record).toMatchObject({ owner });
  });

  it('is asked about anew if meanwhile another one was lost', async () => {
    const store = memoryStore();
    await crash(store, KEY, 10);
    await sleep(15);
    const asked: number[] = [];
    const { once } = processOn(store, {
      onUnknown: async ({ attempt }) => {
        asked.push(attempt);
        if (attempt > 1) return 'hold';
        await store.claim(KEY, request('second', { leaseMs: 10, takeUnknown: true }));
        await sleep(15);
        return 'retry';
      },
    });
    const held = { code: 'SAMEKEY_UNKNOWN_OUTCOME' };
    await expect(once(KEY, () => 1)).rejects.toMatchObject(held);
    expect(asked).toEqual([1, 2]);
  });

  it.each([
    ['retry', 'ran'],
    ['hold', 'SAMEKEY_UNKNOWN_OUTCOME'],
    [undefined, 'SAMEKEY_BAD_ARGUMENT'],
  ])('is decided about by a function that says %s', async (decision, expected) => {
    const store = memoryStore();
    await crash(store, KEY, 10);
    await sleep(15);
    const { once } = processOn(store, { onUnknown: () => decision as 'retry' });
    const [outcome] = await Promise.allSettled([once(KEY, () => 'ran')]);
    expect(outcome?.status === 'fulfilled' ? outcome.value : outcome?.reason.code).toBe(expected);
  });

  it('of another payload is not taken over', async () => {
    const store = memoryStore();
    await crash(store, KEY, 10, 'a');
    await sleep(15);
    const { once } = processOn(store);
    await expect(once(KEY, () => 1, { fingerprint: 'b' })).rejects.toMatchObject({
      code: 'SAMEKEY_MISMATCH',
    });
  });
});

describe('a lease that is lost', () => {
  /** Removes the record from its owner, as if the lease had run out. */
  async function takeOver(store: Store, owner: string): Promise<void> {
    const { record } = await store.read(KEY);
    await store.release(KEY, record?.owner as string);
    await store.claim(KEY, request(owner));
  }

  it('aborts the function and tells the caller, who does not get what came too late', async () => {
    const store = memoryStore();
    const { once, types } = processOn(store, { leaseMs: 30 });
    let reason: unknown;
    const running = once(KEY, async ({ signal }) => {
      signal.addEventListener('abort', () => (reason = signal.reason));
      await sleep(60);
      return 'late';
    });
    await sleep(2);
    await takeOver(store, 'other');
    await expect(running).rejects.toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
    expect(reason).toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
    await sleep(70);
    expect((await store.read(KEY)).record).toMatchObject({ owner: 'other', state: 'running' });
    expect(types()).toEqual(['leaseLost']);
  });

  it('while its result is written is told of once', async () => {
    const memory = memoryStore();
    const store = but(memory, {
      renew: never,
      complete: async (...all) => {
        await sleep(100);
        return memory.complete(...all);
      },
    });
    const { once, types } = processOn(store, { leaseMs: 30 });
    expect(await once(KEY, () => 'written after all')).toBe('written after all');
    expect(types()).toEqual(['executed']);
  });

  it('between two renewals loses the result, too; the other one is given', async () => {
    const store = memoryStore();
    const { once, types } = processOn(store);
    const running = once<string>(KEY, async () => {
      await takeOver(store, 'other');
      const payload = new TextEncoder().encode('"theirs"');
      await store.complete(KEY, 'other', { state: 'done', codec: 'json', payload, ttlMs: 60_000 });
      return 'ours';
    });
    expect(await running).toBe('theirs');
    expect(types()).toEqual(['leaseLost', 'joined']);
  });
});

describe('a function that does not settle', () => {
  it('is given up on after timeoutMs, and what it did is unknown', async () => {
    const store = memoryStore();
    const { once } = processOn(store, { timeoutMs: 20, leaseMs: 30, onUnknown: 'hold' });
    let aborted = false;
    const running = once(KEY, ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    });
    await expect(running).rejects.toMatchObject({ code: 'SAMEKEY_TIMEOUT' });
    expect(aborted).toBe(true);
    await sleep(40);
    await expect(once(KEY, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
  });
});

describe('a clock that goes backwards', () => {
  it('ages nothing below zero, and keeps what is kept', async () => {
    let nowMs = 1_000_000;
    const clock = () => nowMs;
    const store = memoryStore({ clock });
    const { once } = processOn(store, { clock });
    await once(KEY, () => 1);
    nowMs = 0;
    expect(await once.detailed(KEY, () => 2)).toMatchObject({ value: 1, ageMs: 0 });
    const other = processOn(store, { clock }).once;
    expect(await other.detailed(KEY, () => 2)).toMatchObject({ value: 1, ageMs: 0 });
  });
});
