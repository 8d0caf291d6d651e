import {
  choice,
  duration,
  either,
  type Fault,
  func,
  joined,
  listOf,
  type OptionsOf,
  off,
  type SettingsOf,
  specs,
  value,
  wholeNumber,
} from '../../options/spec.js';
import { keyHeaderOptions, requestKeyOptions } from '../../request/options.js';
import { RetryBudget } from './budget.js';

/** The argument of `onRetry`, before each wait. */
export interface RetryEvent {
  /** The attempt that failed, counted from 1. */
  readonly attempt: number;
  /** How long the wait before the next attempt is, in milliseconds. */
  readonly delayMs: number;
  /** `429 rate_limit_error`, `fetch failed`, … */
  readonly reason: string;
  /** The key as the header carries it, in all attempts. */
  readonly key: string;
}

/** Statuses that say that the request or its sender is wrong: the same request gets the same answer. */
export const NEVER_RETRIED: ReadonlySet<unknown> = new Set([400, 401, 403, 404, 422]);

function faultOfStatus(status: unknown): Fault | undefined {
  if (NEVER_RETRIED.has(status)) {
    return [RangeError, `has ${status}, which says that the request is wrong`];
  }
  const isStatus = Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599;
  return status === '5xx' || isStatus ? undefined : [RangeError];
}

const codeList = () =>
  listOf<string | RegExp>('a list of texts and regular expressions', [], (code) =>
    typeof code === 'string' || code instanceof RegExp ? undefined : [TypeError],
  );

export const ruleOptions = /* @__PURE__ */ specs(() => ({
  /** Statuses of responses that are retried; `'5xx'` is 500 to 599. */
  statuses: listOf<number | '5xx'>(
    'a list of statuses from 400 to 599 or "5xx"',
    [408, 409, 425, 429, '5xx'],
    faultOfStatus,
  ),
  /**
   * Error codes, types and statuses that are retried with any HTTP status, as the body or `x-amzn-errortype` has them.
   * @defaultValue none
   */
  codes: codeList(),
  /**
   * Error codes, types and statuses that are never retried, with any HTTP status.
   * @defaultValue none
   */
  finalCodes: codeList(),
}));

/** The responses that are retried. */
export interface RetryRules extends OptionsOf<typeof ruleOptions> {}

const ownOptions = /* @__PURE__ */ specs(() => ({
  /** The most attempts, the first one included. */
  maxAttempts: wholeNumber({ default: 4, min: 1 }),
  /** The upper bound of the first random wait. It doubles with each retry. */
  baseDelayMs: duration({ default: 500 }),
  /** The upper bound of every random wait. */
  maxDelayMs: duration({ default: 20_000 }),
  /** The longest wait that a server may ask for. If it asks for more, there is no retry. */
  maxRetryAfterMs: duration({ default: 60_000 }),
  /**
   * The time for all attempts and waits, until the headers of a response arrive.
   * @defaultValue no limit
   */
  deadlineMs: duration({ min: 1 }),
  /**
   * The time for each attempt, until the headers of its response arrive.
   * @defaultValue no limit
   */
  attemptTimeoutMs: duration({ min: 1 }),
  /** Whether an attempt whose work may have been done leads to another attempt (`'retry'`), or to its error or response (`'throw'`). That is a broken connection, a late attempt, 408, 5xx except 503 and 529, and a failure inside a 2xx response. An attempt that never reached the server is always retried. */
  onUnknown: choice('retry', 'throw'),
  /**
   * The budget that bounds the retries of every `fetch` it is given to; `false` for no bound.
   * @defaultValue a budget of its own: `retryBudget()`
   */
  budget: either(
    value<RetryBudget>('retryBudget(…)', (given) =>
      given instanceof RetryBudget ? undefined : [TypeError],
    ),
    off(),
  ),
  /** Receives each retry before its wait. An error that it throws is ignored. */
  onRetry: func<(event: RetryEvent) => void>(),
}));

/** The options of `withRetry`. */
export const retryOptions: typeof ruleOptions &
  typeof ownOptions &
  typeof requestKeyOptions &
  typeof keyHeaderOptions = /* @__PURE__ */ specs(() =>
  joined(ruleOptions, ownOptions, requestKeyOptions, keyHeaderOptions),
);

/** How requests are retried. */
export interface RetryPolicy extends OptionsOf<typeof retryOptions> {}

export type RetrySettings = SettingsOf<typeof retryOptions>;
