import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but, processOn, sleep } from './scene.js';

/** A store that answers each completion when the test calls `answer`. */
function answeringLate() {
  const memory = memoryStore();
  let answer = () => {};
  const store = but(memory, {
    complete: async (...all) => {
      const reply = await memory.complete(...all);
      await new Promise<void>((resolve) => (answer = resolve));
      return reply;
    },
  });
  return { store, answer: () => answer() };
}

describe('a call that is made after evict() said true', () => {
  it('does not get a result that its process was about to give', async () => {
    const { store, answer } = answeringLate();
    const { once } = processOn(store);
    const key = randomKey();
    const first = once(key, () => 'evicted');
    await sleep(10);
    expect(await once.evict(key)).toBe(true);
    const second = once<string>(key, () => 'new');
    answer();
    expect(await first).toBe('evicted');
    await sleep(10);
    answer();
    expect(await second).toBe('new');
    expect(await once(key, () => 'again')).toBe('new');
  });

  it('does not get a result that its process was being shown', async () => {
    const memory = memoryStore();
    const key = randomKey();
    await processOn(memory).once(key, () => 'evicted');
    let answer = () => {};
    let claims = 0;
    const store = but(memory, {
      claim: async (...all) => {
        const reply = await memory.claim(...all);
        if (claims++ === 0) await new Promise<void>((resolve) => (answer = resolve));
        return reply;
      },
    });
    const { once } = processOn(store);
    const first = once<string>(key, () => 'not run');
    await sleep(5);
    expect(await once.evict(key)).toBe(true);
    const second = once<string>(key, () => 'new');
    answer();
    expect(await first).toBe('evicted');
    expect(await second).toBe('new');
    expect(await once<string>(key, () => 'again')).toBe('new');
    expect(once.stats()).toMatchObject({ inFlight: 0 });
  });

  it('is waited for by close, like the one that it did not join', async () => {
    const { store, answer } = answeringLate();
    const { once } = processOn(store);
    const key = randomKey();
    let given = '';
    const first = once(key, () => 'evicted').then((value) => (given = value));
    await sleep(10);
    await once.evict(key);
    expect(once.stats()).toMatchObject({ inFlight: 1 });
    const closing = once.close();
    answer();
    await closing;
    expect(given).toBe('evicted');
    await first;
  });
});

it('evict whose reply is lost leaves nothing in the cache', async () => {
  const memory = memoryStore();
  const store = but(memory, {
    evict: async (...all) => {
      await memory.evict(...all);
      throw new Error('ECONNRESET');
    },
  });
  const { once } = processOn(store);
  const key = randomKey();
  await once(key, () => 'evicted');
  await expect(once.evict(key)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
  expect(await once(key, () => 'new')).toBe('new');
});

it('a result that was written and evicted is not written again because its reply was late', async () => {
  const memory = memoryStore();
  let writes = 0;
  const store = but(memory, {
    complete: async (...all) => {
      const reply = await memory.complete(...all);
      if (writes++ === 0) await sleep(200);
      return reply;
    },
  });
  const { once } = processOn(store, { storeTimeoutMs: 60, cache: false });
  const key = randomKey();
  const first = once(key, () => 'evicted');
  await sleep(20);
  expect(await once.evict(key)).toBe(true);
  expect(await first).toBe('evicted');
  expect(await once(key, () => 'new')).toBe('new');
});
