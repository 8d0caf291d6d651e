import { describe, expect, it } from 'vitest';
import { describeWith } from '../servers/process.js';
import { hasRedis } from '../servers/redis.js';
import { linesOf } from './run-example.js';

/** An example that leaves something running would not end. */
describe('examples of once', { timeout: 120_000 }, () => {
  it('too-many-requests.mjs: billed once, though the answer was 429', async () => {
    expect(await linesOf('once/too-many-requests')).toEqual([
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
    ]);
  });

  it('timeout.mjs: billed once, though the caller cannot know the outcome', async () => {
    expect(await linesOf('once/timeout')).toEqual([
      'The answer comes when the caller has given up:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
      'The work is done, and then the connection breaks:',
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
      'Nothing is done, and no answer comes:',
      'without samekey: the provider saw 2 calls and billed 1',
      'with samekey: the provider saw 2 calls and billed 1',
    ]);
  });

  it('crash.mjs: billed once by two processes, one of them killed', async () => {
    expect(await linesOf('once/crash')).toEqual([
      'without samekey: the provider saw 2 calls and billed 2',
      'with samekey: the provider saw 1 call and billed 1',
    ]);
  });

  it('workers.mjs prints one line if there is no server', async () => {
    expect(await linesOf('once/workers', { PATH: '/nowhere' })).toEqual([
      'This example did not run: it needs redis-server.',
    ]);
  });
});

describeWith('redis-server', hasRedis, 'examples of once on Redis', () => {
  it('workers.mjs: billed once by ten workers', { timeout: 120_000 }, async () => {
    expect(await linesOf('once/workers')).toEqual([
      'random job ids, without samekey: the provider saw 10 calls and billed 10',
      'random job ids, with samekey: the provider saw 1 call and billed 1',
      'job id = key, without once: the provider saw 2 calls and billed 2',
      'job id = key, with samekey: the provider saw 1 call and billed 1',
    ]);
  });
});
