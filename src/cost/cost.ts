/** `samekey/cost`: reads the tokens that an answer used, and computes their cost. */
export type { Price, PriceOptions } from './options.js';
export { type PriceTable, priceTable } from './prices.js';
export { type KeptResponse, savingIn, savingOf } from './saving.js';
export { type Usage, usageIn } from './usage.js';
export { usageOf } from './usage-of.js';
