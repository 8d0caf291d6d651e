import { describe, it } from 'vitest';
import { storeConformance } from '../src/store/conformance.js';
import { memoryStore } from '../src/store/memory.js';

describe('the memory store with a clock that is moved', () => {
  let nowMs = Date.now();
  const store = memoryStore({ clock: () => nowMs });
  const cases = storeConformance({
    open: () => store,
    moveClock(byMs) {
      nowMs += byMs;
    },
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the memory store with the clock of the machine', () => {
  const store = memoryStore();
  for (const { name, run } of storeConformance({ open: () => store })) it(name, run);
});
