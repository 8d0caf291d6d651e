import { expect, it } from 'vitest';
// @ts-expect-error: an example, without types
import { startProvider } from '../../examples/provider/provider.mjs';
import { part } from '../depth.js';
import { isOf, onStores, SUBJECTS } from '../once/stores.js';

const CALLERS = 50;

onStores(part(SUBJECTS, isOf('redis')), 'a stream that many want', (crewOf) => {
  it('is requested once by eight processes; seven receive it from the store', async () => {
    const provider = await startProvider({ moods: ['slow-stream:5'], minChars: 500 });
    try {
      const workers = await Promise.all(Array.from({ length: 8 }, () => crewOf().start()));
      const what = { url: provider.url, callers: CALLERS };
      const told = await Promise.all(workers.map((worker) => worker.stream(what)));
      expect(provider.summary()).toBe('the provider saw 1 call and billed 1');
      const texts = new Set(told.flatMap(({ answers }) => answers));
      expect(texts.size).toBe(1);
      expect([...texts][0]).toMatch(/^Answer 1 to: What is new\?.{400}/s);
      expect(told.map(({ count }) => count)).toEqual(Array(8).fill(CALLERS));
      expect(told.map(({ stats }) => stats.executed).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
      const later = await (workers[0] as (typeof workers)[0]).stream(what);
      expect(later.answers).toEqual([...texts]);
      expect(later.stats.executed).toBe(0);
    } finally {
      await provider.stop();
    }
  });
});
