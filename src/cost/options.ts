import { type OptionsOf, specs, text, value } from '../options/spec.js';

/** The prices of a million tokens of a model. */
export interface Price {
  /** For tokens of the request, except those of the cache. */
  readonly inputPerMillion: number;
  /** For tokens of the answer. */
  readonly outputPerMillion: number;
  /** For tokens that the provider read from its cache. Defaults to `inputPerMillion`. */
  readonly cachedInputPerMillion?: number;
  /** For tokens that the provider wrote to its cache. Defaults to `inputPerMillion`. */
  readonly cacheWritePerMillion?: number;
}

export const priceOptions = /* @__PURE__ */ specs(() => ({
  /** Prices by model, or by the beginning of its name and `*`; the longest match counts. */
  prices: value<Readonly<Record<string, Price>>>(
    '{ "model": { inputPerMillion, outputPerMillion } }',
    (given) =>
      typeof given !== 'object' || given === null || Array.isArray(given) ? [TypeError] : undefined,
  ),
  /** The currency of the prices, such as `USD`. It is shown, not converted. */
  currency: text({ wanted: 'text such as "USD"' }),
}));

/** Prices of the models in use. */
export interface PriceOptions extends OptionsOf<typeof priceOptions> {
  readonly prices: Readonly<Record<string, Price>>;
}
