import { OUTCOME_HEADER } from '../response/exchanges.js';

/** The header by which the SDKs that Stainless generates, such as those of OpenAI and Anthropic, are known. */
const SDK_HEADER = 'x-stainless-lang';

const failures = new WeakMap<Response, unknown>();

/**
 * Returns a response with status 503 that tells an SDK why its request was not sent: the store failed, or the
 * process holds too many responses.
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
  if ((code !== 'SAMEKEY_STORE' && code !== 'SAMEKEY_OVERLOADED') || !sent.has(SDK_HEADER))
    return undefined;
  const body = { type: 'error', error: { type: code, code, message } };
  const headers = { [OUTCOME_HEADER]: 'failed' };
  const response = Response.json(body, { status: 503, headers });
  failures.set(response, error);
  return response;
}

/** Returns the error that such a response stands for. */
export const failureBehind = (response: Response): unknown => failures.get(response);
