import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { useEngine } from '../../src/index.js';
import { readCorpus, targets } from './corpus.mjs';
import type { Target } from './target.js';

/** Every input that fuzzing by coverage has found worth keeping, without the fuzzer. */
describe.each(targets)('%s', (name) => {
  afterAll(() => useEngine('auto'));

  it('agrees with its oracle on every kept input', async () => {
    const { fuzz, seeds }: Target = await import(`./targets/${name}.ts`);
    const inputs = [...seeds.map((seed) => Buffer.from(seed, 'latin1')), ...readCorpus(name)];
    expect(seeds.length).toBeGreaterThan(0);
    for (const input of inputs) {
      try {
        await fuzz(input);
      } catch (error) {
        const text = JSON.stringify(Buffer.from(input).toString('latin1'));
        throw new Error(`Cannot read the input ${text}`, { cause: error });
      }
    }
  });

  it('keeps a small corpus', () => {
    const path = fileURLToPath(new URL(`corpus/${name}.txt`, import.meta.url));
    expect(statSync(path).size).toBeLessThanOrEqual(5000);
  });
});
