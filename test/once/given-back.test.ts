import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { but, crash, processOn, sleep } from './scene.js';

const LEASE_MS = 60_000;

/** A store that grants the first claim, loses its reply, and fails for the next releases. */
function losingItsReply(memory: Store, failures: number) {
  let [claims, releases] = [0, 0];
  return {
    store: but(memory, {
      claim: async (...all) => {
        const reply = await memory.claim(...all);
        if (claims++ === 0) throw new Error('ECONNRESET');
        return reply;
      },
      release: async (...all) => {
        if (releases++ < failures) throw new Error('ECONNREFUSED');
        return memory.release(...all);
      },
    }),
    releases: () => releases,
  };
}

describe('a claim whose reply was lost', () => {
  it.each(['retry', 'hold'] as const)('is given back when the store is back (%s)', async (mode) => {
    const memory = memoryStore();
    const { store } = losingItsReply(memory, 2);
    const { once } = processOn(store, { leaseMs: LEASE_MS, onUnknown: mode });
    const key = randomKey();
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    expect(await once(key, ({ attempt }) => attempt)).toBe(1);
  });

  it('is given back once more by close', async () => {
    const memory = memoryStore();
    const { store } = losingItsReply(memory, 1);
    const { once } = processOn(store, { leaseMs: LEASE_MS, onUnknown: 'hold' });
    const key = randomKey();
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await once.close();
    expect((await memory.read(key)).record).toBeUndefined();
  });

  it('is given back though it reaches the store after the first release', async () => {
    const memory = memoryStore();
    let claims = 0;
    const store = but(memory, {
      claim: async (...all) => {
        if (claims++ > 0) return memory.claim(...all);
        setTimeout(() => memory.claim(...all), 30);
        throw new Error('ECONNRESET');
      },
    });
    const { once } = processOn(store, { leaseMs: LEASE_MS, onUnknown: 'hold' });
    const key = randomKey();
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await sleep(50);
    expect(await once(key, ({ attempt }) => attempt)).toBe(1);
  });
});

it('a run that failed is given back when the store is back', async () => {
  const memory = memoryStore();
  let releases = 0;
  const store = but(memory, {
    release: async (...all) => {
      if (releases++ < 2) throw new Error('ECONNREFUSED');
      return memory.release(...all);
    },
  });
  const { once } = processOn(store, { leaseMs: LEASE_MS, onUnknown: 'hold' });
  const key = randomKey();
  await expect(once(key, () => Promise.reject(new Error('429')))).rejects.toThrow('429');
  expect(await once(key, () => 'after it')).toBe('after it');
});

describe('a takeover that is given back', () => {
  it('leaves what it took over: the next one is told of it, and counts on', async () => {
    const store = memoryStore();
    const key = randomKey();
    await crash(store, key, 1);
    await sleep(5);
    const { once, events } = processOn(store);
    await expect(once(key, () => Promise.reject(new Error('429')))).rejects.toThrow('429');
    expect((await store.read(key)).record).toMatchObject({ state: 'running', attempt: 1 });
    expect(await once(key, ({ attempt }) => attempt)).toBe(2);
    const told = events.filter(({ type }) => type === 'unknown');
    expect(told).toMatchObject([
      { attempt: 1, decision: 'retry' },
      { attempt: 1, decision: 'retry' },
    ]);
  });

  it('stands in nobody’s way where it is then decided to hold', async () => {
    const store = memoryStore();
    const key = randomKey();
    await crash(store, key, 1);
    await sleep(5);
    const { once } = processOn(store, {
      leaseMs: LEASE_MS,
      onUnknown: async ({ attempt }) => {
        if (attempt > 1) return 'hold';
        // Then another process takes over and crashes as well.
        await crash(store, key, 1);
        await sleep(5);
        return 'retry';
      },
    });
    const held = { code: 'SAMEKEY_UNKNOWN_OUTCOME', record: { attempt: 2 } };
    await expect(once(key, () => 1)).rejects.toMatchObject(held);
    const { record, nowMs } = await store.read(key);
    expect(record).toMatchObject({ attempt: 2 });
    expect(record?.leaseEndsAtMs).toBeLessThanOrEqual(nowMs);
    await expect(once(key, () => 1)).rejects.toMatchObject(held);
  });
});
