import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { randomKey } from '../../src/index.js';
import { processOn, sleep } from './scene.js';
import { silentStore } from './silent-store.js';

const storeTimeoutMs = 400;
const run = { onStoreError: 'run', storeTimeoutMs } as const;

// Time passes only where a test says so, however long the machine pauses.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const passTime = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** The outcome of a call while time passes. */
async function within<T>(ms: number, call: Promise<T>): Promise<T> {
  const [outcome] = await Promise.all([call, passTime(ms)]);
  return outcome;
}

describe('a store that does not answer', () => {
  it('is waited for by the first caller only', async () => {
    const { store, claims } = silentStore();
    const { once, types } = processOn(store, run);
    const first = once(randomKey(), () => 0);
    await passTime(storeTimeoutMs - 1);
    expect(types()).toEqual([]);
    expect(await within(1, first)).toBe(0);
    for (let call = 1; call < 5; call++) expect(await once(randomKey(), () => call)).toBe(call);
    // The others did not ask, so no store operation failed.
    expect(claims()).toBe(1);
    expect(types()).toEqual(['storeError', ...Array.from({ length: 5 }, () => 'executed')]);
  });

  it('is known to every once and every fetch of the process on it', async () => {
    const { store, claims } = silentStore();
    await within(
      storeTimeoutMs,
      processOn(store, run).once(randomKey(), () => 1),
    );
    expect(await processOn(store, run).once(randomKey(), () => 2)).toBe(2);
    let sent = 0;
    const fetch = idempotentFetch({
      store,
      ...run,
      fetch: async () => Response.json({ sent: ++sent }),
    });
    const response = await fetch('https://api.example/', { method: 'POST', body: '{}' });
    expect([await response.json(), claims()]).toEqual([{ sent: 1 }, 1]);
    // Another store is asked.
    const other = silentStore();
    await within(
      storeTimeoutMs,
      processOn(other.store, run).once(randomKey(), () => 1),
    );
    expect(other.claims()).toBe(1);
  });

  it('is tried again by one caller at a time, for a short time', async () => {
    const { store, claims } = silentStore();
    const { once, types } = processOn(store, run);
    await within(
      storeTimeoutMs,
      once(randomKey(), () => 1),
    );
    await passTime(storeTimeoutMs - 1);
    await once(randomKey(), () => 1);
    expect(claims()).toBe(1);
    await passTime(1);
    const calls = Array.from({ length: 10 }, (_, call) => once(randomKey(), () => call));
    expect(await within(storeTimeoutMs / 20, Promise.all(calls))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(claims()).toBe(2);
    // The trial was too short to say that the store has failed again.
    expect(types().filter((type) => type === 'storeError')).toHaveLength(1);
  });

  it('protects runs again as soon as it answers, however late, and has no claim left behind', async () => {
    const { store, claims, memory, answer } = silentStore();
    const { once } = processOn(store, run);
    const key = randomKey();
    await within(
      storeTimeoutMs,
      once(key, () => 'unprotected'),
    );
    answer();
    // The late claim is given back.
    await expect.poll(async () => (await memory.read(key)).record).toBeUndefined();
    const { once: other } = processOn(store, run);
    const slow = () => sleep(50).then(() => 'protected');
    const both = Promise.all([once(key, slow), other(key, () => 'a second run')]);
    expect(await within(50, both)).toEqual(['protected', 'protected']);
    expect(claims()).toBeGreaterThan(1);
  });

  it('that comes back is found by the trial', async () => {
    const { store, memory, fail, answer } = silentStore();
    fail();
    const { once } = processOn(store, run);
    const key = randomKey();
    await within(
      storeTimeoutMs / 4,
      once(key, () => 'unprotected'),
    );
    answer();
    expect(await once(key, () => 'not asked yet')).toBe('not asked yet');
    await passTime(storeTimeoutMs);
    expect(await once(key, () => 'protected')).toBe('protected');
    expect((await memory.read(key)).record?.state).toBe('done');
    expect(await processOn(memory).once(key, () => 'again')).toBe('protected');
  });

  it("runs nothing with onStoreError: 'fail', whatever another once found", async () => {
    const { store, claims } = silentStore();
    const failing = processOn(store, { storeTimeoutMs });
    let runs = 0;
    const call = () =>
      within(
        storeTimeoutMs,
        failing.once(randomKey(), () => ++runs),
      );
    const silent = /no answer within 400 ms \(SAMEKEY_STORE\)$/;
    await expect(call()).rejects.toThrow(silent);
    await within(
      storeTimeoutMs,
      processOn(store, run).once(randomKey(), () => 1),
    );
    await expect(call()).rejects.toThrow(silent);
    // Each of its callers asked, because an answer in time lets it run.
    expect([runs, claims()]).toEqual([0, 3]);
  });
});

it('a store that fails at once is asked each time', async () => {
  const { store, claims, refuse } = silentStore();
  refuse();
  const { once } = processOn(store, run);
  for (let call = 0; call < 3; call++) expect(await once(randomKey(), () => call)).toBe(call);
  expect(claims()).toBe(3);
});
