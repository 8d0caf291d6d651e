import type { Saved } from '../once/events.js';
import { hasError } from '../providers/failure.js';
import { modelPaths } from '../providers/registry.js';
import type { PriceTable } from './prices.js';
import { type Usage, usageIn } from './usage.js';
import { usageOf } from './usage-of.js';

/** The parts of a stored response that `savingOf` reads. */
export interface KeptResponse {
  /** The headers. Only `content-type` is read. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The whole body. */
  readonly body: Uint8Array;
  /** The URL of the request. For Bedrock and Gemini it names the model. */
  readonly url?: string;
}

/**
 * Returns the saving of a duplicate that received this stored response: the response's tokens and, if
 * the model has a price, their cost. Returns `undefined` if the response contains no known usage.
 *
 * @example
 * const text = '{"model":"m","usage":{"prompt_tokens":9,"completion_tokens":2}}';
 * const headers = [['content-type', 'application/json']];
 * savingOf({ headers, body: new TextEncoder().encode(text) }).outputTokens; // 2
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
 * Returns the saving of a duplicate that received this answer, which is an object such as an SDK
 * returns; `undefined` if it contains no known usage, or says that it failed. For `createOnce({ savingOf: (answer) => savingIn(answer, prices) })`.
 *
 * @example
 * const answer = { model: 'm', usage: { input_tokens: 20, output_tokens: 5 } };
 * savingIn(answer).outputTokens; // 5
 */
export function savingIn(answer: unknown, prices?: PriceTable, model?: string): Saved | undefined {
  const usage = hasError(answer) ? undefined : usageIn(answer);
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
  const model = modelPaths.map((path) => path.exec(url ?? '')?.[1]).find(Boolean);
  try {
    return model && decodeURIComponent(model);
  } catch {
    return model;
  }
}
