import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but, processOn, sleep } from './scene.js';

const LEASE_MS = 300;

describe('a result that the store refuses while it renews the lease', () => {
  const refusing = () => {
    const memory = memoryStore();
    let tries = 0;
    const store = but(memory, {
      complete: async () => {
        tries++;
        throw new Error('ERR max request size exceeded');
      },
    });
    return { store, tries: () => tries };
  };

  it('is handed over after one lease, to all who wait, and kept nowhere', async () => {
    const { store, tries } = refusing();
    const { once, events } = processOn(store, { leaseMs: LEASE_MS });
    const key = randomKey();
    const both = [once(key, () => 'paid for'), once(key, () => 'joined')];
    expect(await Promise.all(both)).toEqual(['paid for', 'paid for']);
    expect(events.find(({ type }) => type === 'executed')).toMatchObject({ kept: false });
    expect(once.stats()).toMatchObject({ executed: 1, joined: 1, cached: 0, inFlight: 0 });
    // The intervals grow: a large result is not sent ten times a second.
    expect(tries()).toBeLessThan(6);
  });

  it('leaves an outcome that is unknown at once', async () => {
    const { store } = refusing();
    const { once } = processOn(store, { leaseMs: LEASE_MS, onUnknown: 'hold' });
    const key = randomKey();
    expect(await once(key, () => 'paid for')).toBe('paid for');
    await expect(once(key, () => 'again')).rejects.toMatchObject({
      code: 'SAMEKEY_UNKNOWN_OUTCOME',
    });
  });

  it('does not keep once from closing', async () => {
    const { store } = refusing();
    const { once } = processOn(store, { leaseMs: LEASE_MS });
    const running = once(randomKey(), () => 'paid for');
    await sleep(5);
    await once.close();
    expect(await running).toBe('paid for');
  });

  it('that is an error reaches its callers, and is told as not stored', async () => {
    const { store } = refusing();
    const { once, events } = processOn(store, { leaseMs: LEASE_MS, storeErrors: () => true });
    const failing = once(randomKey(), () => Promise.reject(new Error('declined')));
    await expect(failing).rejects.toThrow('declined');
    expect(events.find(({ type }) => type === 'failed')).toMatchObject({ stored: false });
  });
});

it('a write that succeeds late counts, and is not sent again at the pace of its timeout', async () => {
  const memory = memoryStore();
  let sent = 0;
  const store = but(memory, {
    complete: async (...all) => {
      sent++;
      await sleep(250);
      return memory.complete(...all);
    },
  });
  const { once, events } = processOn(store, { leaseMs: 2000, storeTimeoutMs: 50 });
  const key = randomKey();
  expect(await once(key, () => 'paid for')).toBe('paid for');
  expect(events.find(({ type }) => type === 'executed')).toMatchObject({ kept: true });
  // At 0, 50 and 150 ms; resent after every 50 ms it would be six.
  expect(sent).toBeLessThanOrEqual(4);
  expect(await once(key, () => 'again')).toBe('paid for');
});

it('a result without a store is for those who wait for it, and for nobody later', async () => {
  const memory = memoryStore();
  let isDown = true;
  const store = but(memory, {
    claim: async (...all) => {
      if (isDown) throw new Error('ECONNREFUSED');
      return memory.claim(...all);
    },
  });
  const { once, events } = processOn(store, { onStoreError: 'run' });
  const key = randomKey();
  const both = [once(key, () => 'unprotected'), once(key, () => 'joined')];
  expect(await Promise.all(both)).toEqual(['unprotected', 'unprotected']);
  isDown = false;
  expect(await once(key, () => 'protected')).toBe('protected');
  const executed = events.filter(({ type }) => type === 'executed');
  expect(executed).toMatchObject([{ kept: false }, { kept: true }]);
});

it('a result is replayed no longer than ttlMs after the store has it', async () => {
  let nowMs = 1_000_000;
  const clock = () => nowMs;
  const memory = memoryStore({ clock });
  const store = but(memory, {
    complete: async (...all) => {
      const reply = await memory.complete(...all);
      await sleep(60);
      return reply;
    },
  });
  const { once } = processOn(store, { ttlMs: 100, clock });
  const key = randomKey();
  await once(key, () => 'first');
  nowMs += 60;
  // It was written 60 ms before its process received the confirmation.
  expect(await once(key, () => 'too old')).toBe('first');
  nowMs += 40;
  expect(await once(key, () => 'second')).toBe('second');
});
