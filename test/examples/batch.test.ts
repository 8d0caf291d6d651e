import { describe, expect, it } from 'vitest';
import { linesOf } from './run-example.js';

describe('examples of batch', { timeout: 120_000 }, () => {
  it('batch/nightly.mjs: each question billed once', async () => {
    expect(await linesOf('batch/nightly')).toEqual([
      'without samekey: 12 answers, 3 batches, 32 requests billed',
      'with samekey: 12 answers, 2 batches, 9 requests billed',
    ]);
  });
});
