import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { readOptions } from '../options/read.js';
import { required } from '../options/spec.js';
import { type Price, type PriceOptions, priceOptions } from './options.js';
import type { Usage } from './usage.js';

/** A checked price list. */
export interface PriceTable {
  /** The currency of the prices, such as `USD`. */
  readonly currency: string | undefined;
  /**
   * Returns the cost of the tokens, or `undefined` if the model has no price. `model` is the model that
   * was requested. It counts if the answer names no model, or one without a price.
   */
  costOf(usage: Usage, model?: string): number | undefined;
}

const PRICE_MEMBERS = [
  'inputPerMillion',
  'outputPerMillion',
  'cachedInputPerMillion',
  'cacheWritePerMillion',
] as const;

/** A higher price is a mistake in any currency. */
const MAX_PER_MILLION = 1e9;

/**
 * Returns a checked price list. samekey has no prices of its own: providers change theirs, and an
 * outdated list gives no sign of it.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` if a price is missing or out of range. The
 *   message has the model and the range.
 * @example
 * const table = priceTable({ prices: { 'gpt-5*': { inputPerMillion: 2, outputPerMillion: 8 } } });
 * const usage = usageIn({ model: 'gpt-5-mini', usage: { prompt_tokens: 1000, completion_tokens: 500 } });
 * table.costOf(usage); // 0.006
 */
export function priceTable(options: PriceOptions): PriceTable {
  const { prices, currency } = readOptions(
    { ...priceOptions, prices: required(priceOptions.prices) },
    options,
    'price list',
  );
  const exact = new Map<string, Price>();
  const prefixes: (readonly [prefix: string, price: Price])[] = [];
  for (const [name, given] of Object.entries(prices)) {
    const price = toPrice(name, given);
    const star = name.indexOf('*');
    if (star === -1) exact.set(name, price);
    else if (star === name.length - 1) prefixes.push([name.slice(0, -1), price]);
    else refuse(RangeError, `${quote(name)} has a * inside, wanted one at the end, or no *`);
  }
  prefixes.sort(([a], [b]) => b.length - a.length);
  const priceOf = (model: string) =>
    exact.get(model) ?? prefixes.find(([prefix]) => model.startsWith(prefix))?.[1];
  return {
    currency,
    costOf(usage, model = '') {
      // An answer may name its model differently from the request.
      const price =
        (usage.model === undefined ? undefined : priceOf(usage.model)) ?? priceOf(model);
      return price && costAt(price, usage);
    },
  };
}

function costAt(price: Price, usage: Usage): number {
  const { inputPerMillion, outputPerMillion } = price;
  const { cachedInputPerMillion = inputPerMillion, cacheWritePerMillion = inputPerMillion } = price;
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = usage;
  return (
    ((inputTokens - cachedInputTokens - cacheWriteTokens) * inputPerMillion +
      cachedInputTokens * cachedInputPerMillion +
      cacheWriteTokens * cacheWritePerMillion +
      outputTokens * outputPerMillion) /
    1e6
  );
}

function toPrice(name: string, price: unknown): Price {
  requireMembers(price, PRICE_MEMBERS, `price of ${quote(name)}`);
  for (const member of PRICE_MEMBERS) {
    const value = (price as Partial<Price>)[member];
    if (value === undefined && !['inputPerMillion', 'outputPerMillion'].includes(member)) continue;
    if (typeof value !== 'number') {
      refuse(
        TypeError,
        `${member} of ${quote(name)} is ${nameOf(value)}, wanted the cost of a million tokens`,
      );
    }
    if (!(value >= 0 && value <= MAX_PER_MILLION)) {
      refuse(
        RangeError,
        `${member} of ${quote(name)} is ${value}, wanted a number from 0 to ${MAX_PER_MILLION}`,
      );
    }
  }
  return { ...(price as Price) };
}

function refuse(Class: new (message: string) => Error, what: string): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot use the price list: ${what}`);
}
