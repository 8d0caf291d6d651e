import { untilAborted } from '../../once/abort.js';
import { clearTimer, random, setTimer, type Timer, wallClockMs } from '../../runtime/runtime.js';
import type { RetrySettings } from './options.js';

/** How long a server asks to be left alone, in its headers, if it does. */
export function retryAfterMs(headers: Headers): number | undefined {
  const ms = headers.get('retry-after-ms');
  if (ms !== null && /^\d+(?:\.\d+)?$/.test(ms)) return Math.ceil(Number(ms));
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  // RFC 9110 §10.2.3: seconds or a date. Some send fractions.
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  const at = Date.parse(value);
  if (Number.isNaN(at)) return undefined;
  // By the server's own clock, if it says what that shows.
  const now = Date.parse(headers.get('date') ?? '');
  return Math.max(0, at - (Number.isNaN(now) ? wallClockMs() : now));
}

/**
 * How long to wait after an attempt: what the server asked for and up to a tenth more, so that not
 * all who were told the same come at once; without that anything up to a bound that doubles, which
 * of all kinds of jitter makes the fewest calls
 * (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
 */
export function delayAfter(
  attempt: number,
  askedMs: number | undefined,
  { baseDelayMs, maxDelayMs }: RetrySettings,
): number {
  if (askedMs) return Math.ceil(askedMs * (1 + random() / 10));
  return Math.floor(random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)));
}

/** Resolves after a while; rejects with the signal's reason as soon as it aborts. */
export async function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let timer: Timer | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimer(resolve, delayMs);
  });
  try {
    await untilAborted(over, signal);
  } finally {
    clearTimer(timer);
  }
}
