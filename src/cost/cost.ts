/** `samekey/cost`: the tokens that answers tell of, and what they cost. */
export { type Price, type PriceOptions, type PriceTable, priceTable } from './cost/prices.js';
export { type KeptResponse, savingIn, savingOf } from './cost/saving.js';
export { type Usage, usageIn } from './cost/usage.js';
export { usageOf } from './cost/usage-of.js';
