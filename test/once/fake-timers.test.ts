import { afterEach, expect, it, vi } from 'vitest';
import { randomKey } from '../../src/index.js';
import { createOnce } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { sleep } from './scene.js';

afterEach(() => {
  vi.useRealTimers();
});

/** A module-level `once` that several tests use one after another. */
function moduleLevel() {
  const memory = memoryStore();
  let renewals = 0;
  let isSilent = false;
  const answered = <T>(call: () => Promise<T>): Promise<T> =>
    isSilent ? new Promise(() => {}) : call();
  const store: Store = {
    name: 'counting',
    claim: (...args) => answered(() => memory.claim(...args)),
    renew(...args) {
      renewals++;
      return answered(() => memory.renew(...args));
    },
    complete: (...args) => answered(() => memory.complete(...args)),
    release: (...args) => answered(() => memory.release(...args)),
    read: (...args) => answered(() => memory.read(...args)),
    evict: (...args) => answered(() => memory.evict(...args)),
    close: () => memory.close(),
  };
  const once = createOnce({ store, leaseMs: 150, storeTimeoutMs: 150, cache: false });
  return {
    once,
    renewals: () => renewals,
    silence() {
      isSilent = true;
    },
  };
}

it('a once that was used under fake timers works by real ones', async () => {
  const { once, renewals, silence } = moduleLevel();
  vi.useFakeTimers();
  expect(await once(randomKey(), () => 1)).toBe(1);
  vi.useRealTimers();
  await once(randomKey(), () => sleep(400));
  expect(renewals()).toBeGreaterThan(0);
  silence();
  await expect(once(randomKey(), () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
});

it('a once that was used by real timers works under fake ones', async () => {
  const { once, renewals, silence } = moduleLevel();
  await once(randomKey(), () => 1);
  vi.useFakeTimers();
  const run = once(randomKey(), () => sleep(400));
  await vi.advanceTimersByTimeAsync(500);
  await run;
  expect(renewals()).toBeGreaterThan(0);
  silence();
  const refused = expect(once(randomKey(), () => 1)).rejects.toMatchObject({
    code: 'SAMEKEY_STORE',
  });
  await vi.advanceTimersByTimeAsync(500);
  await refused;
});
