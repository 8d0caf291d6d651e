import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PriceOptions, priceTable, savingIn, savingOf } from '../../src/cost/cost.js';
import { keyOf } from '../../src/index.js';
import { createOnce, type OnceEvent } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { thrownBy } from '../errors/thrown.js';

const usage = (inputTokens: number, outputTokens: number, model?: string) => ({
  inputTokens,
  outputTokens,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  model,
});
const price = (inputPerMillion: number, outputPerMillion = 0) => ({
  inputPerMillion,
  outputPerMillion,
});

describe('a price list', () => {
  it('has a price for each kind of token', () => {
    const { costOf } = priceTable({
      prices: {
        m: {
          inputPerMillion: 3,
          outputPerMillion: 15,
          cachedInputPerMillion: 0.3,
          cacheWritePerMillion: 3.75,
        },
        n: price(3, 15),
      },
    });
    const tokens = { ...usage(1000, 100), cachedInputTokens: 600, cacheWriteTokens: 200 };
    expect(costOf({ ...tokens, model: 'm' })).toBeCloseTo(
      (200 * 3 + 600 * 0.3 + 200 * 3.75 + 100 * 15) / 1e6,
      12,
    );
    expect(costOf({ ...tokens, model: 'n' })).toBeCloseTo((1000 * 3 + 100 * 15) / 1e6, 12);
  });

  it('uses the exact name, then the longest beginning', () => {
    const { costOf } = priceTable({
      prices: {
        '*': price(1),
        'gpt-5*': price(2),
        'gpt-5-mini*': price(3),
        'gpt-5-mini': price(4),
      },
    });
    const million = (model: string) => costOf(usage(1e6, 0, model));
    expect(['o3', 'gpt-5', 'gpt-5-mini-2025-08-07', 'gpt-5-mini'].map(million)).toEqual([
      1, 2, 3, 4,
    ]);
  });

  it('uses the model of the answer, then the requested model', () => {
    const { costOf } = priceTable({ prices: { 'm-1': price(1), alias: price(2) } });
    expect(costOf(usage(1e6, 0, 'm-1'), 'alias')).toBe(1);
    expect(costOf(usage(1e6, 0, 'm-1-2026'), 'alias')).toBe(2);
    expect(costOf(usage(1e6, 0), 'alias')).toBe(2);
    expect(costOf(usage(1e6, 0, 'other'), 'else')).toBeUndefined();
    expect(costOf(usage(1e6, 0, '__proto__'))).toBeUndefined();
  });

  it('costs as much for two answers as for each', () => {
    const { costOf } = priceTable({ prices: { m: price(2.5, 10) } });
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (a, b, c, d) => {
        const apart = (costOf(usage(a, b, 'm')) as number) + (costOf(usage(c, d, 'm')) as number);
        expect(costOf(usage(a + c, b + d, 'm'))).toBeCloseTo(apart, 9);
      }),
    );
  });

  it.each([
    [undefined, 'Cannot use the price list: wanted an object, not undefined', TypeError],
    [{ prices: [] }, 'prices is an array, wanted { "model"', TypeError],
    [{ prices: {}, currency: 7 }, 'currency is a number, wanted text such as "USD"', TypeError],
    [
      { price: {} },
      'there is no member "price" (did you mean "prices"?), only prices, currency',
      TypeError,
    ],
    [{ prices: { m: 3 } }, 'Cannot use the price of "m": wanted an object', TypeError],
    [
      { prices: { m: { input: 3 } } },
      'there is no member "input", only inputPerMillion',
      TypeError,
    ],
    [
      { prices: { m: { inputPerMillion: 3 } } },
      'outputPerMillion of "m" is undefined, wanted the cost of a million tokens',
      TypeError,
    ],
    [
      { prices: { m: price(-1) } },
      'inputPerMillion of "m" is -1, wanted a number from 0',
      RangeError,
    ],
    [{ prices: { m: price(Number.NaN) } }, 'inputPerMillion of "m" is NaN', RangeError],
    [{ prices: { 'a*b': price(1) } }, '"a*b" has a * inside, wanted one at the end', RangeError],
  ])('refuses %j', (options, message, Class) => {
    const error = thrownBy(() => priceTable(options as PriceOptions));
    expect(error).toBeInstanceOf(Class);
    expect(error).toMatchObject({
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: expect.stringContaining(message),
    });
  });
});

describe('the saving of a duplicate', () => {
  const prices = priceTable({ prices: { 'm*': price(1, 2) }, currency: 'EUR' });
  const response = (value: unknown, url?: string) => ({
    headers: [['Content-Type', 'application/json']] as const,
    body: new TextEncoder().encode(JSON.stringify(value)),
    ...(url !== undefined && { url }),
  });
  const answer = { model: 'm-1', usage: { input_tokens: 1e6, output_tokens: 1e6 } };

  it('is the usage of the answer', () => {
    const expected = {
      inputTokens: 1e6,
      outputTokens: 1e6,
      model: 'm-1',
      cost: 3,
      currency: 'EUR',
    };
    expect(savingOf(response(answer), prices)).toEqual(expected);
    expect(savingIn(answer, prices)).toEqual(expected);
  });

  it('has no cost without a price, and is undefined without usage', () => {
    const { model, usage } = answer;
    expect(savingOf(response({ usage }), prices)).toEqual({ inputTokens: 1e6, outputTokens: 1e6 });
    expect(savingOf(response(answer))).toEqual({ inputTokens: 1e6, outputTokens: 1e6, model });
    expect(savingOf(response({ model }), prices)).toBeUndefined();
    expect(savingOf({ headers: [], body: new Uint8Array() }, prices)).toBeUndefined();
    expect(savingIn('answer', prices)).toBeUndefined();
  });

  it.each([
    [
      'https://bedrock-runtime.us-east-1.amazonaws.com/model/m.claude-v1%3A0/converse',
      'm.claude-v1:0',
    ],
    ['https://bedrock-runtime.us-east-1.amazonaws.com/model/m.claude-v1:0/invoke', 'm.claude-v1:0'],
    ['https://generativelanguage.googleapis.com/v1beta/models/m-flash:generateContent', 'm-flash'],
    ['https://api.openai.com/v1/models?of=m', undefined],
    ['https://api.openai.com/v1/responses', undefined],
    ['https://x.example/model/%E0%A4%A/x', '%E0%A4%A'],
  ])('uses the model in %s', (url, model) => {
    expect(savingOf(response({ usage: answer.usage }, url), prices)?.model).toBe(model);
  });
});

describe('once', () => {
  const answer = { model: 'm', usage: { input_tokens: 10, output_tokens: 2 } };
  const prices = priceTable({ prices: { m: price(1e6, 1e6) } });
  const sleep = () => new Promise((resolve) => setTimeout(resolve, 10));

  it('reports the saving of each duplicate from each layer', async () => {
    const events: OnceEvent[] = [];
    const store = memoryStore();
    const options = {
      store,
      onEvent: (event: OnceEvent) => events.push(event),
      savingOf: (value: unknown) => savingIn(value, prices),
    };
    const [here, there] = [createOnce(options), createOnce(options)];
    const key = keyOf('cost');
    const call = () => sleep().then(() => answer);
    await Promise.all([here(key, call), here(key, call), there(key, call)]);
    await here(key, call);
    await createOnce({ ...options, cache: false })(key, call);
    const found = events.map((event) => [
      event.type,
      'layer' in event ? event.layer : '',
      'saved' in event ? event.saved : undefined,
    ]);
    const saved = { inputTokens: 10, outputTokens: 2, model: 'm', cost: 12 };
    expect(found).toHaveLength(5);
    expect(found).toEqual(
      expect.arrayContaining([
        ['executed', '', undefined],
        ['joined', 'process', saved],
        ['joined', 'store', saved],
        ['replayed', 'process', saved],
        ['replayed', 'store', saved],
      ]),
    );
  });

  it('returns the result if savingOf throws, and still reports errors', async () => {
    const types: string[] = [];
    const once = createOnce({
      store: memoryStore(),
      storeErrors: () => true,
      onEvent: (event) => types.push(`${event.type} ${'saved' in event}`),
      savingOf: () => {
        throw new Error('no');
      },
    });
    await once(keyOf(1), () => answer);
    expect(await once(keyOf(1), () => answer)).toEqual(answer);
    const fail = () => {
      throw new Error('400');
    };
    await expect(once(keyOf(2), fail)).rejects.toThrow('400');
    await expect(once(keyOf(2), fail)).rejects.toThrow('400');
    expect(types).toEqual(['executed false', 'replayed false', 'failed false', 'replayed false']);
  });
});
