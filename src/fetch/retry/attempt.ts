import type { FetchFunction } from '../../request/foreign.js';
import { type OutgoingRequest, send } from '../../request/outgoing-request.js';
import { HttpError } from '../../response/errors.js';
import { clearTimer, setTimer } from '../../runtime/runtime.js';

/** How long an attempt may take, and the option that says how long. */
export interface AttemptLimit {
  readonly ms: number;
  readonly name: 'attemptTimeoutMs' | 'deadlineMs';
}

/** The result of an attempt, which ends when the headers arrive or its time is over. */
export type Attempt =
  | { readonly response: Response }
  | { readonly error: unknown; readonly isLate: boolean };

/** Sends a request once. */
export async function attemptOf(
  request: OutgoingRequest,
  headers: Headers,
  limit: AttemptLimit | undefined,
  fetch: FetchFunction,
): Promise<Attempt> {
  const { signal = new AbortController().signal } = request;
  if (limit === undefined) {
    try {
      return { response: await send(request, headers, signal, fetch) };
    } catch (error) {
      return { error, isLate: false };
    }
  }
  const timeout = new AbortController();
  const timer = setTimer(() => timeout.abort(timeoutError(request, limit)), limit.ms);
  try {
    // The caller's signal also aborts the body, after the headers have arrived.
    const either = AbortSignal.any([signal, timeout.signal]);
    return { response: await send(request, headers, either, fetch) };
  } catch (error) {
    const isLate = timeout.signal.aborted && !signal.aborted;
    return { error: isLate ? timeout.signal.reason : error, isLate };
  } finally {
    clearTimer(timer);
  }
}

/** The message has no query, because some queries contain API keys. */
function timeoutError({ url }: OutgoingRequest, { ms, name }: AttemptLimit): HttpError {
  const { origin, pathname } = new URL(url);
  return new HttpError(
    'SAMEKEY_TIMEOUT',
    `Cannot get a response from ${origin}${pathname}: no response arrived in the ${ms} ms left, wanted one or a larger ${name}`,
  );
}
