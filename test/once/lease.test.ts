import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/index.js';
import { createOnce, type OnceEvent, type OnceOptions } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';

const KEY = keyOf({ order: 8 });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const never = () => new Promise<never>(() => {});

/** One of several processes on a store: a once of its own. */
function processOn(store: Store, options: Partial<OnceOptions> = {}) {
  const events: OnceEvent[] = [];
  const once = createOnce({ store, onEvent: (event) => events.push(event), ...options });
  return { once, types: () => events.map(({ type }) => type), events };
}

/** A process that claims the key and then crashes. */
async function crash(store: Store, leaseMs: number, fingerprint?: string): Promise<void> {
  const request = { leaseMs, ttlMs: 60_000, fingerprint, takeUnknown: false, takeFinished: false };
  expect(await store.claim(KEY, { owner: 'crashed', ...request })).toMatchObject({ claimed: true });
}

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

/** The same store with some of its functions replaced. */
const but = (store: Store, replaced: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name: keyof Store) {
      const found = replaced[name] ?? target[name];
      return typeof found === 'function' ? found.bind(target) : found;
    },
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
    await crash(store, 300);
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
    await crash(store, 60);
    const { once, types } = processOn(store);
    const seen = await once(KEY, ({ attempt }) => attempt);
    expect(seen).toBe(2);
    expect(types()).toEqual(['unknown', 'executed']);
  });

  it('is taken over by one of many', async () => {
    const store = memoryStore();
    await crash(store, 30);
    let calls = 0;
    const many = Array.from({ length: 20 }, () => processOn(store).once(KEY, () => ++calls));
    expect(new Set(await Promise.all(many))).toEqual(new Set([1]));
  });

  it('holds the key until somebody has looked', async () => {
    const store = memoryStore();
    await crash(store, 10);
    await sleep(15);
    const { once, types } = processOn(store, { onUnknown: 'hold' });
    const held = { code: 'SAMEKEY_UNKNOWN_OUTCOME', record: { owner: 'crashed' } };
    await expect(once(KEY, () => 1)).rejects.toMatchObject(held);
    await expect(once(KEY, () => 1)).rejects.toMatchObject(held);
    expect(await once.evict(KEY)).toBe(true);
    expect(await once(KEY, () => 1)).toBe(1);
    expect(types()).toEqual(['unknown', 'unknown', 'evicted', 'executed']);
  });

  it('has its result found out', async () => {
    const store = memoryStore();
    await crash(store, 10);
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
    await crash(store, 10);
    await sleep(15);
    const found = { value: new Map() };
    const { once } = processOn(store, { onUnknown: () => found });
    for (let i = 0; i < 2; i++) {
      const refused = { code: 'SAMEKEY_UNSTORABLE' };
      await expect(once(KEY, () => new Map())).rejects.toMatchObject(refused);
    }
    expect((await store.read(KEY)).record).toMatchObject({ owner: 'crashed' });
  });

  it('is asked about anew if meanwhile another one was lost', async () => {
    const store = memoryStore();
    await crash(store, 10);
    await sleep(15);
    const asked: number[] = [];
    const { once } = processOn(store, {
      onUnknown: async ({ attempt }) => {
        asked.push(attempt);
        if (attempt > 1) return 'hold';
        const request = { owner: 'second', leaseMs: 10, ttlMs: 60_000, fingerprint: undefined };
        await store.claim(KEY, { ...request, takeUnknown: true, takeFinished: false });
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
    await crash(store, 10);
    await sleep(15);
    const { once } = processOn(store, { onUnknown: () => decision as 'retry' });
    const [outcome] = await Promise.allSettled([once(KEY, () => 'ran')]);
    expect(outcome?.status === 'fulfilled' ? outcome.value : outcome?.reason.code).toBe(expected);
  });

  it('of another payload is not taken over', async () => {
    const store = memoryStore();
    await crash(store, 10, 'a');
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
    await store.claim(KEY, {
      owner,
      leaseMs: 60_000,
      ttlMs: 60_000,
      fingerprint: undefined,
      takeUnknown: true,
      takeFinished: false,
    });
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

describe('a store that fails', () => {
  const down = async () => {
    throw new Error('ECONNREFUSED');
  };

  it('turns callers away, unless they are to run all the same', async () => {
    const store = but(memoryStore(), { claim: down });
    const { once, types } = processOn(store);
    await expect(once(KEY, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: `Cannot claim ${KEY}: the store failed: ECONNREFUSED`,
    });
    const other = processOn(store, { onStoreError: 'run' });
    let calls = 0;
    const call = ({ fencingToken }: { fencingToken: number }) => {
      calls++;
      return fencingToken;
    };
    // In this process it is still one run.
    expect(await Promise.all([other.once(KEY, call), other.once(KEY, call)])).toEqual([0, 0]);
    expect(calls).toBe(1);
    expect([...types(), ...other.types()]).toEqual([
      'storeError',
      'storeError',
      'executed',
      'joined',
    ]);
  });

  it('after it has said that somebody is running it is no reason to run it, too', async () => {
    const memory = memoryStore();
    await crash(memory, 60_000);
    let claims = 0;
    const store = but(memory, {
      claim: async (...all) => {
        if (++claims > 1) throw new Error('ECONNREFUSED');
        return memory.claim(...all);
      },
    });
    let calls = 0;
    const { once } = processOn(store, { onStoreError: 'run' });
    await expect(once(KEY, () => ++calls)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    expect(calls).toBe(0);
  });

  it('that lost the reply to a claim blocks nobody', async () => {
    const memory = memoryStore();
    const store = but(memory, {
      claim: async (...all) => {
        await memory.claim(...all);
        throw new Error('ECONNRESET');
      },
    });
    await expect(processOn(store).once(KEY, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
    });
    expect(await processOn(memory, { waitMs: 0 }).once(KEY, () => 2)).toBe(2);
  });

  it('that hangs at a renewal costs the lease when it ends, not later', async () => {
    const { once, types } = processOn(but(memoryStore(), { renew: never }), { leaseMs: 60 });
    let aborted = false;
    const running = once(KEY, ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    });
    await expect(running).rejects.toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
    expect(aborted).toBe(true);
    // The store has `storeTimeoutMs` to answer before that counts as its failure.
    expect(types()).toEqual(['leaseLost']);
  });

  it('that never answers is one', async () => {
    const store = but(memoryStore(), { claim: never });
    const { once } = processOn(store, { storeTimeoutMs: 20 });
    await expect(once(KEY, () => 1)).rejects.toThrow('no answer within 20 ms');
  });

  it('that answers too late gets its claim back', async () => {
    const memory = memoryStore();
    const store = but(memory, {
      claim: async (key, request) => {
        await sleep(40);
        return memory.claim(key, request);
      },
    });
    const { once } = processOn(store, { storeTimeoutMs: 20 });
    await expect(once(KEY, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await sleep(40);
    expect(await processOn(memory, { waitMs: 0 }).once(KEY, () => 2)).toBe(2);
  });

  it('that answers a fresh call too late keeps the result that was there', async () => {
    const memory = memoryStore();
    await processOn(memory).once(KEY, () => 'old');
    const store = but(memory, {
      claim: async (key, request) => {
        await sleep(40);
        return memory.claim(key, request);
      },
    });
    const { once } = processOn(store, { storeTimeoutMs: 20 });
    const late = once(KEY, () => 'new', { fresh: true });
    await expect(late).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await sleep(40);
    expect(await processOn(memory).once(KEY, () => 'again')).toBe('old');
  });

  it('that throws before there is a promise is one', async () => {
    const store = but(memoryStore(), {
      claim: () => {
        throw new Error('no client');
      },
    });
    await expect(processOn(store).once(KEY, () => 1)).rejects.toThrow('no client');
  });

  it('while the result is to be written is asked again', async () => {
    const memory = memoryStore();
    let failures = 2;
    const store = but(memory, {
      complete: async (...all) => {
        if (failures-- > 0) throw new Error('restarting');
        return memory.complete(...all);
      },
    });
    const { once, types } = processOn(store);
    expect(await once(KEY, () => 'paid for')).toBe('paid for');
    expect(await processOn(memory).once(KEY, () => 'again')).toBe('paid for');
    expect(types()).toEqual(['storeError', 'storeError', 'executed']);
  });

  it('for longer than the lease keeps nobody from the result, but no later call has it', async () => {
    const store = but(memoryStore(), { complete: down });
    const { once, events } = processOn(store, { leaseMs: 150 });
    const both = [once(KEY, () => 'paid for'), once(KEY, () => 'joined')];
    expect(await Promise.all(both)).toEqual(['paid for', 'paid for']);
    expect(once.stats().cached).toBe(0);
    expect(await once(KEY, ({ attempt }) => `attempt ${attempt}`)).toBe('attempt 2');
    const executed = events.filter(({ type }) => type === 'executed');
    expect(executed).toMatchObject([{ kept: false }, { kept: false }]);
  });

  it('at a renewal is asked again; at all of them it costs the lease', async () => {
    const memory = memoryStore();
    let failures = 1;
    const shaky = but(memory, {
      renew: async (...all) => {
        if (failures-- > 0) throw new Error('restarting');
        return memory.renew(...all);
      },
    });
    const one = processOn(shaky, { leaseMs: 300 });
    expect(await one.once(KEY, () => sleep(750).then(() => 1))).toBe(1);
    expect(one.types()).toEqual(['storeError', 'executed']);
    const two = processOn(but(memoryStore(), { renew: down }), { leaseMs: 60 });
    await expect(two.once(KEY, () => sleep(200))).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
    });
  });

  it('to release is no reason to hide the error', async () => {
    const store = but(memoryStore(), { release: down });
    const { once } = processOn(store);
    const failing = () => {
      throw new Error('429');
    };
    await expect(once(KEY, failing)).rejects.toThrow('429');
  });
});

describe('close', () => {
  it('waits for no run of another process, and begins none', async () => {
    const store = memoryStore();
    await crash(store, 60_000);
    const { once } = processOn(store);
    let calls = 0;
    const waiting = once(KEY, () => ++calls);
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'SAMEKEY_CLOSED' });
    await sleep(5);
    await once.close();
    await outcome;
    expect(calls).toBe(0);
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
