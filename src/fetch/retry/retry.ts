import isNetworkError from 'is-network-error';
import { fail, nameOf } from '../../errors/errors.js';
import { notify } from '../../options/callbacks.js';
import { readOptions } from '../../options/read.js';
import {
  asPlatformFetch,
  type FetchFunction,
  type PlatformFetch,
  senderOf,
} from '../../request/foreign.js';
import { KeyHeader } from '../../request/key-header.js';
import { type OutgoingRequest, readRequest } from '../../request/outgoing-request.js';
import { bodyIdentity, RequestKeys } from '../../request/request-key.js';
import { isUnknownFailure } from '../../response/unknown-failure.js';
import { monotonicMs } from '../../runtime/runtime.js';
import { type Attempt, type AttemptLimit, attemptOf } from './attempt.js';
import { type RetryBudget, retryBudget } from './budget.js';
import { delayAfter, retryAfterMs, wait } from './delay.js';
import { faultInSuccess, faultOf } from './fault.js';
import { NEVER_RETRIED, type RetryPolicy, type RetrySettings, retryOptions } from './options.js';

export { retryPolicies } from '../../providers/registry.js';
export { type RetryBudget, type RetryBudgetOptions, retryBudget } from './budget.js';
export type { RetryEvent, RetryPolicy, RetryRules } from './options.js';

/** Why another attempt follows. */
interface Reason {
  readonly text: string;
  /** The wait that the server asks for. */
  readonly askedMs?: number | undefined;
}

/**
 * Returns a `fetch` that retries by a policy. All attempts carry the same key in the `Idempotency-Key`
 * header: the caller's own key, or one derived from the request before the first attempt.
 *
 * The returned `fetch` resolves with the first response that is not retried, its body unread. If the
 * last attempt had no response, it rejects with the error of that attempt. The statuses 400, 401, 403,
 * 404 and 422 are never retried.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` if the policy is not valid. The returned
 *   `fetch` rejects with `SAMEKEY_TIMEOUT` if no response arrives in time.
 * @example
 * const keys = [];
 * const flaky = async (_, { headers }) => {
 *   keys.push(headers.get('idempotency-key'));
 *   return keys.length < 3 ? new Response(null, { status: 503 }) : Response.json({ ok: true });
 * };
 * const fetch = withRetry(flaky, { ...retryPolicies.anthropic, baseDelayMs: 10 });
 * const response = await fetch('https://api.example/v1/messages', { method: 'POST', body: '{}' });
 * response.status; // 200
 * keys.length; // 3
 * new Set(keys).size; // 1
 */
export function withRetry(fetch: FetchFunction, policy: RetryPolicy = {}): PlatformFetch {
  if (typeof fetch !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot retry requests: fetch is ${nameOf(fetch)}, wanted a function`,
    );
  }
  const given = readOptions(retryOptions, policy, 'retry policy');
  const settings = { ...given, identity: bodyIdentity(given.identity) };
  const keys = new RequestKeys(settings);
  const budget = settings.budget === false ? undefined : (settings.budget ?? retryBudget());
  const header = new KeyHeader(settings);
  const sender = senderOf(fetch);
  const retrying: FetchFunction = async (input, init) => {
    const request = await readRequest(input, init);
    const headers = new Headers(request.headers);
    if (!headers.has(header.name)) {
      const { key } = await keys.of(request);
      headers.set(header.name, header.write(key));
    }
    const key = headers.get(header.name) as string;
    return sendWithRetries(request, headers, key, settings, budget, sender);
  };
  return asPlatformFetch(retrying);
}

/**
 * The loop is samekey's own. cockatiel 3 waits to the end after an abort, and decides before a body can
 * be read. cockatiel 4 and p-retry 8 need Node 22. p-retry 7 has only its own delays, and regards every
 * response as a success that is not thrown.
 */
async function sendWithRetries(
  request: OutgoingRequest,
  headers: Headers,
  key: string,
  settings: RetrySettings,
  budget: RetryBudget | undefined,
  fetch: FetchFunction,
): Promise<Response> {
  const { signal } = request;
  const { maxAttempts, maxRetryAfterMs, deadlineMs = Number.POSITIVE_INFINITY } = settings;
  const endsAt = monotonicMs() + deadlineMs;
  budget?.earn();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const limit = limitOf(settings, endsAt - monotonicMs());
    const result = await attemptOf(request, new Headers(headers), limit, fetch);
    if (attempt === maxAttempts || signal?.aborted) return outcomeOf(result);
    const reason = await reasonFor(result, settings);
    signal?.throwIfAborted();
    if (reason === undefined) return outcomeOf(result);

    const { text, askedMs } = reason;
    const delayMs = delayAfter(attempt, askedMs, settings);
    const isTooLong = (askedMs ?? 0) > maxRetryAfterMs || monotonicMs() + delayMs >= endsAt;
    if (isTooLong || budget?.spend() === false) return outcomeOf(result);

    // No caller reads this body, and it may occupy a connection.
    if ('response' in result) result.response.body?.cancel().catch(() => {});
    const { onRetry } = settings;
    if (onRetry !== undefined) notify(onRetry, { attempt, delayMs, reason: text, key });
    await wait(delayMs, signal);
  }
}

function outcomeOf(result: Attempt): Response {
  if ('response' in result) return result.response;
  throw result.error;
}

function limitOf({ attemptTimeoutMs }: RetrySettings, leftMs: number): AttemptLimit | undefined {
  if (attemptTimeoutMs !== undefined && attemptTimeoutMs <= leftMs) {
    return { ms: attemptTimeoutMs, name: 'attemptTimeoutMs' };
  }
  if (leftMs === Number.POSITIVE_INFINITY) return undefined;
  return { ms: Math.max(1, Math.ceil(leftMs)), name: 'deadlineMs' };
}

/** Returns why an attempt is retried, or `undefined` if it is not. */
async function reasonFor(result: Attempt, settings: RetrySettings): Promise<Reason | undefined> {
  if ('response' in result) return reasonIn(result.response, settings);
  const { error, isLate } = result;
  if (!isLate && !isTransient(error)) return undefined;
  if (settings.onUnknown === 'throw' && isUnknownFailure(error)) return undefined;
  return { text: error instanceof Error ? error.message : String(error) };
}

/** Bun reports broken connections with codes such as `ECONNRESET`. `ERR_INVALID_ARG_TYPE` does not match. */
const SYSTEM_CODE = /^E(?!RR_)[A-Z_]+$/;

/** Whether an error is about the connection, and not about the request or an abort. */
function isTransient(error: unknown): boolean {
  // `fetch` throws a TypeError for a broken connection, and for a request that it cannot send.
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  if (error instanceof TypeError) return isNetworkError(error) || SYSTEM_CODE.test(String(code));
  return name !== 'AbortError' && !String(code).startsWith('SAMEKEY_');
}

/** Whether an error status says that the work was not done: it is neither a timeout nor a fault on the way. */
const isRefusal = (status: number) =>
  status < 500 ? status !== 408 : status === 503 || status === 529;

async function reasonIn(response: Response, settings: RetrySettings): Promise<Reason | undefined> {
  const { headers } = response;
  const { statuses, codes, finalCodes } = settings;
  if (NEVER_RETRIED.has(response.status)) return undefined;
  const shouldRetry = headers.get('x-should-retry');
  if (shouldRetry === 'false') return undefined;

  const isSuccess = response.status < 400;
  const fault = isSuccess ? await faultInSuccess(response) : await faultOf(response);
  if (fault === undefined) return undefined;
  // None is no number that a policy lists.
  const status = (isSuccess ? fault.status : response.status) ?? 0;
  if (NEVER_RETRIED.has(status)) return undefined;
  const hasCode = (code: string | RegExp) =>
    fault.codes.some((found) =>
      typeof code === 'string' ? found === code : found.search(code) !== -1,
    );
  if (finalCodes.some(hasCode)) return undefined;
  const mayRepeat = settings.onUnknown === 'retry' || (!isSuccess && isRefusal(status));
  const isListed =
    statuses.includes(status) || (status >= 500 && statuses.includes('5xx')) || codes.some(hasCode);
  if (shouldRetry !== 'true' && !(mayRepeat && isListed)) return undefined;
  return {
    text: [response.status, ...new Set(fault.codes)].join(' '),
    askedMs: retryAfterMs(headers) ?? fault.retryDelayMs,
  };
}
