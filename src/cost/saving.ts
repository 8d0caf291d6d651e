import type { Saved } from '../once/events.js';
import { modelPaths } from '../providers/registry.js';
import type { PriceTable } from './prices.js';
import { type Usage, usageIn } from './usage.js';
import { usageOf } from './usage-of.js';

/** What is looked at in a response that is kept. */
export interface KeptResponse {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** Some addresses name the model that the response does not. */
  readonly url?: string;
}

/**
 * Returns what a duplicate saved that was given this response instead of one of its own: the tokens
 * that it tells of and, where the model has a price, their cost. `undefined` if it tells of none.
 */
export function savingOf(
  response: KeptResponse,
  prices?: PriceTable,
  model?: string,
): Saved | undefined {
  const type = response.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  const usage = usageOf(response.body, type);
  return usage && savedBy(usage, prices, model ?? modelInPath(response.url));
}

/**
 * Returns what a duplicate saved that was given this answer, such as an SDK's function resolves to;
 * for `createOnce({ savingOf })`.
 *
 * @example
 * const answer = { model: 'm', usage: { input_tokens: 20, output_tokens: 5 } };
 * savingIn(answer).outputTokens; // 5
 */
export function savingIn(answer: unknown, prices?: PriceTable, model?: string): Saved | undefined {
  const usage = usageIn(answer);
  return usage && savedBy(usage, prices, model);
}

function savedBy(usage: Usage, prices: PriceTable | undefined, model: string | undefined): Saved {
  const { inputTokens, outputTokens } = usage;
  const name = usage.model ?? model;
  const cost = prices?.costOf(usage, model);
  return {
    inputTokens,
    outputTokens,
    ...(name !== undefined && { model: name }),
    ...(cost !== undefined && { cost }),
    ...(cost !== undefined && prices?.currency !== undefined && { currency: prices.currency }),
  };
}

function modelInPath(url: string | undefined): string | undefined {
  const found = modelPaths.map((path) => path.exec(url ?? '')?.[1]).find(Boolean);
  try {
    return found && decodeURIComponent(found);
  } catch {
    return found;
  }
}
