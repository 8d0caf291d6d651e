import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { request } from '../store/requests.js';
import { but, processOn, sleep } from './scene.js';

/** Two processes, and an old result. */
async function setUp() {
  const store = memoryStore();
  const [a, b] = [processOn(store, { cache: false }), processOn(store, { cache: false })];
  const key = randomKey();
  await a.once(key, () => 'old');
  return { store, a, b, key };
}

describe('a fresh call that waits for a run in another process', () => {
  it('runs itself, if that run fails', async () => {
    const { a, b, key } = await setUp();
    let fail = (_: unknown) => {};
    const running = a.once(key, () => new Promise((_, reject) => (fail = reject)), { fresh: true });
    const failed = expect(running).rejects.toThrow('503');
    await sleep(5);
    const waiting = b.once.detailed(key, () => 'new', { fresh: true });
    await sleep(20);
    fail(new Error('503'));
    await failed;
    expect(await waiting).toMatchObject({ value: 'new', outcome: 'executed' });
  });

  it('gets its result, if there is one', async () => {
    const { a, b, key } = await setUp();
    let finish = (_: string) => {};
    const call = () => new Promise<string>((resolve) => (finish = resolve));
    const running = a.once(key, call, { fresh: true });
    await sleep(5);
    const waiting = b.once.detailed(key, () => 'again', { fresh: true });
    await sleep(20);
    finish('new');
    expect(await waiting).toMatchObject({ value: 'new', outcome: 'joined' });
    expect(await running).toBe('new');
  });

  it('gets the result of a later run, which began and ended between two looks', async () => {
    const { store, key } = await setUp();
    const claim = (owner: string) => store.claim(key, request(owner, { takeFinished: true }));
    await claim('a');
    let claims = 0;
    const polling = but(store, {
      watch: undefined as never,
      claim: (...all: Parameters<Store['claim']>) => {
        claims++;
        return store.claim(...all);
      },
    });
    const waiting = processOn(polling).once(key, () => 'again', { fresh: true });
    await expect.poll(() => claims).toBeGreaterThan(0);
    await sleep(5);
    // In one turn, so that no look comes between them.
    const payload = new TextEncoder().encode('"of another run"');
    await Promise.all([
      store.release(key, 'a'),
      claim('b'),
      store.complete(key, 'b', { state: 'done', codec: 'json', payload, ttlMs: 60_000 }),
    ]);
    expect(await waiting).toBe('of another run');
  });

  it('gets no old result that another caller of its process was waiting for', async () => {
    const { a, b, key } = await setUp();
    let fail = (_: unknown) => {};
    const running = a.once(key, () => new Promise((_, reject) => (fail = reject)), { fresh: true });
    const failed = expect(running).rejects.toThrow('503');
    await sleep(5);
    const plain = b.once<string>(key, () => 'not run');
    await sleep(5);
    const fresh = b.once(key, () => 'new', { fresh: true });
    await sleep(20);
    fail(new Error('503'));
    await failed;
    expect(await Promise.all([plain, fresh])).toEqual(['old', 'new']);
  });
});

it('a fresh call gets no result that was made before it, though it is still being written', async () => {
  const memory = memoryStore();
  let write = () => {};
  const store: Store = but(memory, {
    complete: async (...all) => {
      await new Promise<void>((resolve) => (write = resolve));
      return memory.complete(...all);
    },
  });
  const { once } = processOn(store);
  const key = randomKey();
  const first = once(key, () => 'before');
  await sleep(10);
  const second = once(key, () => 'after', { fresh: true });
  write();
  expect(await first).toBe('before');
  await sleep(10);
  write();
  expect(await second).toBe('after');
});
