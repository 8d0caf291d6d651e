import type { LimitError } from '../once/errors.js';
import { OUTCOME_HEADER } from '../response/exchanges.js';
import { limitNotice } from '../response/limit-problem.js';

/** The header by which the SDKs that Stainless generates, such as those of OpenAI and Anthropic, are known. */
const SDK_HEADER = 'x-stainless-lang';

/** Holds the error of such a response, also for the proxy, whose program has a copy of this file of its own. */
const FAILURE = /* @__PURE__ */ Symbol.for('samekey failure');

/**
 * Returns a response that tells an SDK why its request was not sent: 503 if the store failed or the process
 * holds too many responses, 429 with `retry-after` if a limit of `limits` is reached.
 *
 * If `fetch` rejects, such an SDK says "Connection error." or "Request timed out.", as if its provider
 * were down. It shows the message of a response, and retries both.
 */
export function answerForSdk(
  error: unknown,
  sent: { has(name: string): boolean },
): Response | undefined {
  const { code, message } = (error ?? {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
  };
  const isLimit = code === 'SAMEKEY_LIMIT';
  const isUnavailable = code === 'SAMEKEY_STORE' || code === 'SAMEKEY_OVERLOADED';
  if (!(isLimit || isUnavailable) || !sent.has(SDK_HEADER)) return undefined;
  const body = { type: 'error', error: { type: code, code, message } };
  const more = isLimit ? limitNotice(error as LimitError).headers : {};
  const headers = { [OUTCOME_HEADER]: 'failed', ...more };
  const response = Response.json(body, { status: isLimit ? 429 : 503, headers });
  Object.defineProperty(response, FAILURE, { value: error });
  return response;
}

/** Returns the error that such a response stands for. */
export const failureBehind = (response: Response): unknown =>
  (response as { readonly [FAILURE]?: unknown })[FAILURE];
