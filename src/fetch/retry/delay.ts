import { untilAborted } from '../../once/abort.js';
import { clearTimer, random, setTimer, type Timer, wallClockMs } from '../../runtime/runtime.js';
import type { RetrySettings } from './options.js';

/** Returns the wait that a server asks for in its headers, or `undefined` if it asks for none. */
export function retryAfterMs(headers: Headers): number | undefined {
  // Services of AWS say it in a header of their own, also in milliseconds.
  const ms = headers.get('retry-after-ms') ?? headers.get('x-amz-retry-after');
  if (ms !== null && /^\d+(?:\.\d+)?$/.test(ms)) return Math.ceil(Number(ms));
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  // RFC 9110 §10.2.3: seconds or a date. Some servers send fractions of seconds.
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  const at = Date.parse(value);
  if (Number.isNaN(at)) return undefined;
  // The `date` header has the time of the server's own clock.
  const now = Date.parse(headers.get('date') ?? '');
  return Math.max(0, at - (Number.isNaN(now) ? wallClockMs() : now));
}

/**
 * Returns the wait after an attempt. If the server asked for a wait, it is that wait and up to a tenth
 * more, so that clients which received the same answer do not return at the same time. Otherwise it is
 * random up to a bound that doubles with each attempt. Of all kinds of jitter, this one makes the
 * fewest calls (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
 */
export function delayAfter(
  attempt: number,
  askedMs: number | undefined,
  { baseDelayMs, maxDelayMs }: RetrySettings,
): number {
  if (askedMs) return Math.ceil(askedMs * (1 + random() / 10));
  return Math.floor(random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)));
}

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export async function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let timer: Timer | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimer(resolve, delayMs);
  });
  try {
    await untilAborted(elapsed, signal);
  } finally {
    clearTimer(timer);
  }
}
