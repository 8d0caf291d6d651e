import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but, crash, linkTo, never, pause, processOn, sleep } from './scene.js';

/** A store that forgets a record on request, as Redis does when it restarts or evicts. */
function forgetful() {
  let memory = memoryStore();
  const store = new Proxy(memory, {
    get(_, name: keyof typeof memory) {
      const found = memory[name];
      return typeof found === 'function' ? found.bind(memory) : found;
    },
  });
  return {
    store,
    forget() {
      memory = memoryStore();
    },
  };
}

describe('an owner that was paused for longer than its lease', () => {
  it.each([
    ['while its function runs', 40, 350],
    ['with a renewal on its way', 130, 350],
  ])('keeps the key if nobody wanted it: %s', async (_, beforeMs, pauseMs) => {
    const memory = memoryStore();
    const store = but(memory, {
      renew: async (...all) => {
        await sleep(20);
        return memory.renew(...all);
      },
    });
    const { once, types } = processOn(store, { leaseMs: 300, cache: false });
    const key = randomKey();
    let runs = 0;
    const call = async ({ signal }: { signal: AbortSignal }) => {
      runs++;
      await sleep(beforeMs);
      pause(pauseMs);
      await sleep(50);
      return signal.aborted ? 'aborted' : 'paid for';
    };
    expect(await once(key, call)).toBe('paid for');
    expect(await once(key, call)).toBe('paid for');
    expect([runs, types()]).toEqual([1, ['executed', 'replayed']]);
  });

  it('hands its value over where another owner has the key', async () => {
    const memory = memoryStore();
    const link = linkTo(memory);
    const [a, b] = [processOn(link.store, { leaseMs: 200 }), processOn(memory, { leaseMs: 200 })];
    const key = randomKey();
    let finish = (_: string) => {};
    const first = a.once(key, () => new Promise<string>((resolve) => (finish = resolve)));
    const lost = expect(first).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
      value: 'paid for',
    });
    await sleep(20);
    link.cut();
    const second = b.once(key, never);
    await expect.poll(() => b.once.inspect(key)).toMatchObject({ attempt: 2 });
    finish('paid for');
    await sleep(5);
    link.mend();
    await lost;
    expect(a.types().filter((type) => type !== 'storeError')).toEqual(['leaseLost']);
    expect(a.once.stats().cached).toBe(0);
    second.catch(() => {});
  });

  it('goes by the result of another owner, and caches that, not its own', async () => {
    const memory = memoryStore();
    const link = linkTo(memory);
    const [a, b] = [processOn(link.store, { leaseMs: 200 }), processOn(memory, { leaseMs: 200 })];
    const key = randomKey();
    let finish = (_: string) => {};
    const first = a.once(key, () => new Promise<string>((resolve) => (finish = resolve)));
    await sleep(20);
    link.cut();
    // The write of its result is in flight.
    finish('of a');
    expect(await b.once(key, () => 'of b')).toBe('of b');
    link.mend();
    expect(await first).toBe('of b');
    expect(await a.once(key, () => 'again')).toBe('of b');
    expect(a.types().filter((type) => type !== 'storeError')).toEqual([
      'leaseLost',
      'joined',
      'replayed',
    ]);
  });

  it('never gets the result of another payload, and nobody in its process does', async () => {
    const memory = memoryStore();
    const link = linkTo(memory);
    const [a, b] = [processOn(link.store, { leaseMs: 200 }), processOn(memory, { leaseMs: 200 })];
    const key = randomKey();
    const ann = { fingerprint: 'pay 10 to Ann' };
    const bob = { fingerprint: 'pay 99 to Bob' };
    const first = a.once(key, never, ann);
    const lost = expect(first).rejects.toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
    await sleep(20);
    link.cut();
    await expect.poll(() => b.once.evict(key)).toBe(true);
    await b.once(key, () => 'paid 99 to Bob', bob);
    link.mend();
    await lost;
    const mismatch = { code: 'SAMEKEY_MISMATCH' };
    await expect(a.once(key, () => 'x', ann)).rejects.toMatchObject(mismatch);
    expect(await a.once(key, () => 'x', bob)).toBe('paid 99 to Bob');
  });
});

describe('a store that forgot the run', () => {
  it.each([
    ['before a renewal', 150],
    ['before the result is written', 0],
  ])('is given its result %s, if nobody else has the key', async (_, restMs) => {
    const { store, forget } = forgetful();
    const { once, types } = processOn(store, { leaseMs: 300, cache: false });
    const key = randomKey();
    const call = async () => {
      forget();
      await sleep(restMs);
      return 'paid for';
    };
    expect(await once(key, call)).toBe('paid for');
    expect(await once<string>(key, () => 'again')).toBe('paid for');
    expect(types()).toEqual(['executed', 'replayed']);
  });

  it('is not, if somebody else has', async () => {
    const { store, forget } = forgetful();
    const { once } = processOn(store, { leaseMs: 300 });
    const key = randomKey();
    const call = async () => {
      forget();
      await crash(store, key, 60_000);
      return 'paid for';
    };
    await expect(once(key, call)).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
      value: 'paid for',
    });
  });
});

describe('a store that does not answer while a function runs', () => {
  it('aborts the function when the lease is over, and takes its result when it is back', async () => {
    const memory = memoryStore();
    const link = linkTo(memory);
    const { once } = processOn(link.store, { leaseMs: 150, cache: false });
    const key = randomKey();
    let aborted = false;
    const call = async ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      await sleep(20);
      link.cut();
      // For example functions that use all connections of a pool.
      await sleep(300);
      link.mend();
      return 'committed';
    };
    expect(await once(key, call)).toBe('committed');
    expect(aborted).toBe(true);
    expect(await once<string>(key, () => 'again')).toBe('committed');
  });

  it('leaves an unknown outcome if the function stops because of that', async () => {
    const memory = memoryStore();
    const link = linkTo(memory);
    const options = { leaseMs: 150, cache: false, onUnknown: 'hold' } as const;
    const { once, types } = processOn(link.store, options);
    const key = randomKey();
    const call = ({ signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => {
        link.cut();
        signal.addEventListener('abort', () => {
          link.mend();
          reject(signal.reason);
        });
      });
    await expect(once(key, call)).rejects.toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_UNKNOWN_OUTCOME' });
    expect(types()).toEqual(['leaseLost', 'unknown']);
  });
});
