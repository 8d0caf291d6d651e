import { describe, expect, it } from 'vitest';
import { linesOf } from './run-example.js';

/** Every one ends what it has started, or its process would not end. */
describe('examples of fetch', { timeout: 120_000 }, () => {
  it('openai/chat.mjs: billed once, whoever asks and however often', async () => {
    expect(await linesOf('openai/chat')).toEqual([
      'The answer comes when the client has given up:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
      'Three say the same at the same time, and one says it later:',
      'without samekey: the provider saw 4 calls and billed 4',
      'with samekey: the provider saw 1 call and billed 1',
      'Two read the same stream:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
    ]);
  });

  it('anthropic/agent.mjs: each answer billed once, and one refund', async () => {
    expect(await linesOf('anthropic/agent')).toEqual([
      'without samekey: the provider saw 4 calls and billed 4, refunds: 2',
      'with samekey: the provider saw 2 calls and billed 2, refunds: 1',
    ]);
  });
});
