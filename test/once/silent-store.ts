import { memoryStore } from '../../src/store/memory.js';
import { but } from './scene.js';

/** A store in memory whose claims wait until `answer`. Then it answers those as well. */
export function silentStore() {
  const memory = memoryStore();
  let claims = 0;
  let mode: 'silent' | 'late error' | 'refused' | 'answering' = 'silent';
  const waiting: (() => void)[] = [];
  const store = but(memory, {
    async claim(...all) {
      claims++;
      if (mode === 'refused') throw new Error('ECONNREFUSED');
      if (mode === 'late error') {
        await new Promise((resolve) => setTimeout(resolve, 100));
        throw new Error('connect ETIMEDOUT');
      }
      if (mode === 'silent') await new Promise<void>((resolve) => waiting.push(resolve));
      return memory.claim(...all);
    },
  });
  return {
    store,
    memory,
    claims: () => claims,
    /** From now on each claim fails after a while. */
    fail() {
      mode = 'late error';
    },
    /** From now on each claim fails at once. */
    refuse() {
      mode = 'refused';
    },
    answer() {
      mode = 'answering';
      for (const go of waiting.splice(0)) go();
    },
  };
}
