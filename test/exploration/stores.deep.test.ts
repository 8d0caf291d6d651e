import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as transition from '../../src/store/transition.js';
import { describeWith } from '../servers/process.js';
import { plainStore } from '../store/plain-store.js';
import { SUBJECTS } from './clocked-stores.js';
import { type ClockedStore, firstDifference } from './sequences.js';

/** `npm run explore` sends more, and from another seed each time. */
const isEndless = process.env.EXPLORE_DEEPER !== undefined;
const seed = Number(process.env.EXPLORE_SEED ?? (isEndless ? Date.now() % 2 ** 30 : 1));
const SEQUENCES = isEndless ? 20_000 : 2000;
const AT_ONCE = 32;
/** A slow machine sends fewer calls. */
const MOST_MS = isEndless ? Number.POSITIVE_INFINITY : 8000;
const LEAST = 300;
const HOUR_MS = 60 * 60 * 1000;

for (const { name, tool, isThere, open } of SUBJECTS) {
  describeWith(tool, isThere, `random calls to the ${name} store`, () => {
    let store: ClockedStore;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store?.end());

    it('are answered as by the rules, under one clock', { timeout: HOUR_MS }, async () => {
      const until = performance.now() + MOST_MS;
      let count = 0;
      const differences: string[] = [];
      const sendSome = async () => {
        while (count < SEQUENCES && differences.length === 0) {
          if (performance.now() > until && count >= LEAST) return;
          const difference = await firstDifference(store, seed + count++);
          if (difference !== undefined) differences.push(difference);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sendSome));
      console.log(`${name}: ${count} sequences from seed ${seed}`);
      expect(differences.join('\n')).toBe('');
      expect(count).toBeGreaterThanOrEqual(LEAST);
    });
  });
}

describe('a store that answers otherwise', () => {
  it('is found, with its calls', async () => {
    const differenceOf = async (rules: typeof transition) => {
      for (let tried = 1; tried <= 200; tried++) {
        let nowMs = 0;
        const store = plainStore(() => nowMs, { rules });
        const at = (_: string, nowUs: number) => {
          nowMs = Math.floor(nowUs / 1000);
          return store;
        };
        const difference = await firstDifference({ at, end: async () => {} }, tried);
        if (difference !== undefined) return difference;
      }
      return undefined;
    };
    expect(await differenceOf(transition)).toBeUndefined();
    const { formerFinished, unexpired } = transition;
    const restored: typeof transition.restored = (record, nowMs) =>
      unexpired(formerFinished(record), nowMs);
    expect(await differenceOf({ ...transition, restored })).toMatch(
      /^Seed \d+:\n(?:-?\d+ ms: .*\n)+answered .*\nwanted .*running/,
    );
  });
});
