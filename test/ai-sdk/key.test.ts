import { describe, expect, it } from 'vitest';
import {
  type IdempotencyMiddlewareOptions,
  idempotencyMiddleware,
} from '../../src/ai-sdk/ai-sdk.js';
import { memoryStore } from '../../src/store/memory.js';

describe('the key', () => {
  const ask = async (
    given: Record<string, unknown>,
    options: Partial<IdempotencyMiddlewareOptions> = {},
    model = { provider: 'p', modelId: 'm' },
  ) => {
    const { wrapGenerate } = idempotencyMiddleware({ store: memoryStore(), ...options });
    const { providerMetadata } = await wrapGenerate({
      params: given as never,
      model: {
        ...model,
        doGenerate: async () => ({ providerMetadata: {} as { samekey?: { key: string } } }),
        doStream: () => Promise.reject(new Error('not asked for')),
      },
    });
    return providerMetadata.samekey?.key as string;
  };
  const file = (data: unknown) => ({
    prompt: [{ role: 'user', content: [{ type: 'file', data }] }],
  });

  it.each([
    ['members in another order', { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ['what is undefined', { a: 1, temperature: undefined }, { a: 1 }],
    ['a signal', { a: 1, abortSignal: new AbortController().signal }, { a: 1 }],
    ['a function', { a: 1, b: { onCall: () => 1 } }, { a: 1, b: {} }],
    [
      'headers of one attempt',
      { headers: { 'user-agent': 'ai/7', 'X-Request-Id': '8', x: undefined } },
      {},
    ],
    [
      'bytes elsewhere in memory',
      file(new Uint8Array([9, 1, 2]).subarray(1)),
      file(new Uint8Array([1, 2])),
    ],
    ['empty options', { providerOptions: { samekey: {} } }, {}],
  ])('is the same with %s', async (_, a, b) => {
    expect(await ask(a)).toBe(await ask(b));
  });

  it.each([
    ['a parameter', { temperature: 0 }, { temperature: 1 }],
    ['provider options', { providerOptions: { openai: { user: 'a' } } }, {}],
    ['a header that counts', { headers: { 'anthropic-beta': 'x' } }, {}],
    [
      'a credential',
      { headers: { authorization: 'Bearer a' } },
      { headers: { authorization: 'Bearer b' } },
    ],
    ['bytes', file(new Uint8Array([1])), file(new Uint8Array([2]))],
    ['an address and its text', file(new URL('https://a.example/')), file('https://a.example/')],
    ['a date and its text', file(new Date(0)), file(new Date(0).toISOString())],
    [
      'bytes and what stands for them',
      file(new Uint8Array([1])),
      file({
        $samekey: 'bytes',
        value: 'ik_4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a',
      }),
    ],
    ['a place in a list', { a: [undefined, 1] }, { a: [1] }],
  ])('is another one with another %s', async (_, a, b) => {
    expect(await ask(a)).not.toBe(await ask(b));
  });

  it('is another one for another model, provider or scope, and goes by the identity', async () => {
    const keys = await Promise.all([
      ask({}),
      ask({}, {}, { provider: 'p', modelId: 'm2' }),
      ask({}, {}, { provider: 'p2', modelId: 'm' }),
      ask({}, { scope: 'a' }),
      ask({}, { scope: ['a', 'b'] }),
    ]);
    expect(new Set(keys).size).toBe(5);
    const options = { identity: { exclude: ['$.seed'] } };
    expect(await ask({ seed: 1, a: 1 }, options)).toBe(await ask({ seed: 2, a: 1 }, options));
  });

  it.each([
    ['a lone surrogate', { prompt: '\ud800' }, 'SAMEKEY_LONE_SURROGATE'],
    ['NaN', { temperature: Number.NaN }, 'SAMEKEY_NOT_FINITE'],
    ['a Map', { a: new Map() }, 'SAMEKEY_NOT_JSON'],
    ['a circle', circle(), 'SAMEKEY_CYCLE'],
  ])('is refused for %s, and nobody is asked', async (_, given, code) => {
    await expect(ask(given)).rejects.toMatchObject({ code });
  });
});

function circle(): Record<string, unknown> {
  const a: Record<string, unknown> = {};
  a.a = [a, a];
  return a;
}
