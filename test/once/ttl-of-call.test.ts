import { expect, it } from 'vitest';
import { keyOf } from '../../src/index.js';
import { createOnce } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';

/** A `once` whose results live for a second, with a clock that the test moves. */
function withClock(cache: boolean) {
  const clock = { nowMs: 1_000_000 };
  const now = () => clock.nowMs;
  const once = createOnce({
    store: memoryStore({ clock: now }),
    ttlMs: 1000,
    clock: now,
    ...(cache ? {} : { cache: false as const }),
  });
  let runs = 0;
  return { clock, once, run: () => ++runs };
}

it.each([true, false])(
  'a call can store its result for another time (cache: %o)',
  async (cache) => {
    const { clock, once, run } = withClock(cache);
    expect(await once(keyOf('short'), run, { ttlMs: 50 })).toBe(1);
    expect(await once(keyOf('long'), run, { ttlMs: 5000 })).toBe(2);
    expect(await once(keyOf('usual'), run)).toBe(3);
    clock.nowMs += 49;
    expect(await once(keyOf('short'), run)).toBe(1);
    clock.nowMs += 1;
    expect(await once(keyOf('short'), run)).toBe(4);
    clock.nowMs += 950;
    expect(await once(keyOf('usual'), run)).toBe(5);
    expect(await once(keyOf('long'), run)).toBe(2);
    clock.nowMs += 4000;
    expect(await once(keyOf('long'), run)).toBe(6);
  },
);

it('the time of a duplicate changes nothing', async () => {
  const { clock, once, run } = withClock(false);
  expect(await once(keyOf(1), run)).toBe(1);
  expect(await once(keyOf(1), run, { ttlMs: 5000 })).toBe(1);
  clock.nowMs += 1000;
  expect(await once(keyOf(1), run)).toBe(2);
});
