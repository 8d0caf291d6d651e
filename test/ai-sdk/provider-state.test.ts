import { describe, expect, it } from 'vitest';
import {
  type IdempotencyMiddlewareOptions,
  idempotencyMiddleware,
} from '../../src/ai-sdk/ai-sdk.js';
import { memoryStore } from '../../src/store/memory.js';
import { collect, FINISH, partsOf } from './models.js';

/** A middleware and a model that counts its calls and keeps their parameters. */
function setUp(options: Partial<IdempotencyMiddlewareOptions> = {}) {
  const { wrapGenerate, wrapStream, stats } = idempotencyMiddleware({
    store: memoryStore(),
    ...options,
  });
  const calls: object[] = [];
  const model = {
    provider: 'p',
    modelId: 'm',
    doGenerate: async (params: object) => ({ content: [], call: calls.push(params) }),
    doStream: async (params: object) => {
      calls.push(params);
      return { stream: partsOf(FINISH) };
    },
  };
  const call = (providerOptions: Record<string, object>) => {
    const params = { prompt: [], providerOptions };
    return {
      generate: () => wrapGenerate({ params, model }),
      stream: async () => collect((await wrapStream({ params, model })).stream),
    };
  };
  return { call, calls, stats };
}

const STATES: [string, Record<string, object>][] = [
  ['an earlier response', { openai: { previousResponseId: 'resp_1' } }],
  ['a conversation', { azure: { conversation: 'conv_1' } }],
  ['a context cache', { google: { cachedContent: 'cachedContents/1' } }],
  ['a container', { anthropic: { container: { id: 'container_1' } } }],
];

describe.each(['generate', 'stream'] as const)('a call to %s with', (how) => {
  it.each(STATES)('%s is shared while it is in progress, and not replayed', async (_, given) => {
    const { call, calls } = setUp();
    const ask = call(given)[how];
    await Promise.all([ask(), ask()]);
    expect(calls).toHaveLength(1);
    await ask();
    expect(calls).toHaveLength(2);
  });

  it.each(STATES)('%s is replayed with providerState: store', async (_, given) => {
    const { call, calls } = setUp({ providerState: 'store' });
    const ask = call(given)[how];
    await ask();
    await ask();
    expect(calls).toHaveLength(1);
  });

  it.each(STATES)('%s is made each time with providerState: pass', async (_, given) => {
    const { call, calls, stats } = setUp({ providerState: 'pass' });
    const ask = call({ ...given, samekey: { scope: 'a' } })[how];
    await Promise.all([ask(), ask()]);
    // The provider gets no option of samekey.
    expect(calls).toEqual(Array(2).fill({ prompt: [], providerOptions: given }));
    expect(stats()).toMatchObject({ executed: 0, inFlight: 0 });
  });

  it.each<[string, Record<string, object>]>([
    ['none', {}],
    ['empty names', { openai: { previousResponseId: '', conversation: null } }],
    ['a new container', { anthropic: { container: { skills: [] } } }],
    ['other options', { openai: { store: true } }],
  ])('no state (%s) is replayed', async (_, given) => {
    const { call, calls } = setUp();
    const ask = call(given)[how];
    await ask();
    await ask();
    expect(calls).toHaveLength(1);
  });
});
