/** `samekey/cost`: the tokens that answers tell of, and what they cost. */
export type { Price, PriceOptions } from './options.js';
export { type PriceTable, priceTable } from './prices.js';
export { type KeptResponse, savingIn, savingOf } from './saving.js';
export { type Usage, usageIn } from './usage.js';
export { usageOf } from './usage-of.js';
