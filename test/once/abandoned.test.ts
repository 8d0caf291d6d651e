import { expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but, crash, never, processOn, sleep } from './scene.js';

it('no function runs for callers that aborted while onUnknown was deciding', async () => {
  const store = memoryStore();
  const key = randomKey();
  await crash(store, key, 1);
  await sleep(5);
  let decide = (_: 'retry') => {};
  const { once } = processOn(store, {
    onUnknown: () => new Promise((resolve) => (decide = resolve)),
  });
  const controller = new AbortController();
  let runs = 0;
  const left = once(key, () => ++runs, { signal: controller.signal });
  await sleep(5);
  controller.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  decide('retry');
  await sleep(20);
  expect([runs, once.stats().inFlight]).toEqual([0, 0]);
  expect((await store.read(key)).record).toMatchObject({ attempt: 1 });
});

it('a caller whose payload is another one may leave before the store shows the record', async () => {
  const store = but(memoryStore(), { read: never });
  const { once } = processOn(store);
  const key = randomKey();
  let finish = (_: string) => {};
  const right = once(key, () => new Promise<string>((resolve) => (finish = resolve)), {
    fingerprint: 'a',
  });
  await sleep(5);
  const controller = new AbortController();
  const wrong = once(key, () => 'x', { fingerprint: 'b', signal: controller.signal });
  await sleep(5);
  controller.abort(new Error('gone'));
  await expect(wrong).rejects.toThrow('gone');
  finish('done');
  expect(await right).toBe('done');
});
