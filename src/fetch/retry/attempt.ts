import { type OutgoingRequest, send } from '../../request/outgoing-request.js';
import { HttpError } from '../../response/errors.js';
import { clearTimer, setTimer } from '../../runtime/runtime.js';

/** How long an attempt may take, and what that time is called. */
export interface AttemptLimit {
  readonly ms: number;
  readonly name: 'attemptTimeoutMs' | 'deadlineMs';
}

/** What came of an attempt: it ends when the headers are there, or not in time. */
export type Attempt =
  | { readonly response: Response }
  | { readonly error: unknown; readonly isLate: boolean };

/** Sends a request once. */
export async function attemptOf(
  request: OutgoingRequest,
  headers: Headers,
  limit: AttemptLimit | undefined,
  fetch: typeof globalThis.fetch,
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
  const timer = setTimer(() => timeout.abort(tooLate(request, limit)), limit.ms);
  try {
    // The body follows the caller's signal, also when the time for the headers is over.
    const either = AbortSignal.any([signal, timeout.signal]);
    return { response: await send(request, headers, either, fetch) };
  } catch (error) {
    const isLate = timeout.signal.aborted && !signal.aborted;
    return { error: isLate ? timeout.signal.reason : error, isLate };
  } finally {
    clearTimer(timer);
  }
}

/** A query is not shown: keys are in some. */
function tooLate({ url }: OutgoingRequest, { ms, name }: AttemptLimit): HttpError {
  const { origin, pathname } = new URL(url);
  return new HttpError(
    'SAMEKEY_TIMEOUT',
    `Cannot get a response from ${origin}${pathname}: there was none in the ${ms} ms left, wanted one or a larger ${name}`,
  );
}
