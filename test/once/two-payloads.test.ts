import { expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { processOn } from './scene.js';

it('a wrong payload under a key does not cost the right one its result, in one tick either', async () => {
  const store = memoryStore();
  const key = randomKey();
  await processOn(store).once(key, () => 'paid 10 to Ann', { fingerprint: 'Ann' });
  const { once, types } = processOn(store);
  const wrong = once(key, () => 'x', { fingerprint: 'Bob' });
  const right = once(key, () => 'x', { fingerprint: 'Ann' });
  await expect(wrong).rejects.toMatchObject({ code: 'SAMEKEY_MISMATCH' });
  expect(await right).toBe('paid 10 to Ann');
  expect(types()).toEqual(['mismatch', 'replayed']);
});
