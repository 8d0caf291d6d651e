import { describe, expect, it } from 'vitest';
import { linesOf } from './run-example.js';

/** An example that leaves something running would not end. */
describe('examples of fetch', { timeout: 120_000 }, () => {
  it('openai/chat.mjs: billed once, for all callers and retries', async () => {
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

  it('ai-sdk/travel.mjs: each step, stream and answer billed once', async () => {
    expect(await linesOf('ai-sdk/travel')).toEqual([
      'An agent fails at its second step, and is begun again:',
      'without samekey: the provider saw 4 calls and billed 3',
      'with samekey: the provider saw 3 calls and billed 2, 28 tokens saved',
      'Two pages read the same stream:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1, 36 tokens saved',
      'A caller gives up, and asks again:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1, 36 tokens saved',
    ]);
  });
});
