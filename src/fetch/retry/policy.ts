import { fail, nameOf, quote, requireMembers } from '../../errors/errors.js';
import type { KeyHeaderOptions } from '../../request/key-header.js';
import type { RequestKeyOptions } from '../../request/request-key.js';
import { RetryBudget, retryBudget } from './budget.js';

/** Which answers are retried. */
export interface RetryRules {
  /** By status; `'5xx'` is 500 to 599. 408, 409, 429 and `'5xx'` unless given. */
  readonly statuses?: readonly (number | '5xx')[];
  /** By an error's code, type or status as its body or `x-amzn-errortype` has it, whatever the status. */
  readonly codes?: readonly (string | RegExp)[];
  /** By the same: never, whatever the status. */
  readonly finalCodes?: readonly (string | RegExp)[];
}

/** What is told before each wait. */
export interface RetryEvent {
  /** The attempt that failed, counted from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  /** `429 rate_limit_error`, `fetch failed`, … */
  readonly reason: string;
  /** As the header has it, in all attempts. */
  readonly key: string;
}

/** How requests are tried again. */
export interface RetryPolicy extends RetryRules, RequestKeyOptions, KeyHeaderOptions {
  /** 4 unless given; 1 is none but the first. */
  readonly maxAttempts?: number;
  /** The first wait is random up to this, and each further one up to twice as long; 500 unless given. */
  readonly baseDelayMs?: number;
  /** But not longer than this; 20 000 unless given. */
  readonly maxDelayMs?: number;
  /** How long a server may ask to be left alone; 60 000 unless given. Who asks for more is not asked again. */
  readonly maxRetryAfterMs?: number;
  /** For all attempts and waits, until the headers of a response are there; without end unless given. */
  readonly deadlineMs?: number;
  /** For each attempt, until the headers of its response are there; without end unless given. */
  readonly attemptTimeoutMs?: number;
  /**
   * What to do when a connection broke, or an attempt was too late, and nobody knows whether its work
   * was done: try again (`'retry'`, the default) or throw the error (`'throw'`). One that never began
   * is tried again either way.
   */
  readonly onUnknown?: 'retry' | 'throw';
  /** Shared by all whose retries it bounds; one for this `fetch` alone unless given. `false` for none. */
  readonly budget?: RetryBudget | false;
  /** Is told of each retry before its wait. What it throws is ignored. */
  readonly onRetry?: (event: RetryEvent) => void;
}

/** A policy with its defaults. */
export interface RetrySettings {
  readonly statuses: ReadonlySet<number | '5xx'>;
  readonly codes: readonly (string | RegExp)[];
  readonly finalCodes: readonly (string | RegExp)[];
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly maxRetryAfterMs: number;
  readonly deadlineMs: number | undefined;
  readonly attemptTimeoutMs: number | undefined;
  readonly onUnknown: 'retry' | 'throw';
  readonly budget: RetryBudget | undefined;
  readonly onRetry: ((event: RetryEvent) => void) | undefined;
}

/** The request itself is wrong, or who sends it: the same request gets the same answer. */
export const NEVER_RETRIED: ReadonlySet<number | '5xx'> = new Set([400, 401, 403, 404, 422]);

const MEMBERS: readonly (keyof RetryPolicy)[] = [
  'statuses',
  'codes',
  'finalCodes',
  'maxAttempts',
  'baseDelayMs',
  'maxDelayMs',
  'maxRetryAfterMs',
  'deadlineMs',
  'attemptTimeoutMs',
  'onUnknown',
  'budget',
  'onRetry',
  'identity',
  'scope',
  'account',
  'ignoredHeaders',
  'headerName',
  'keyPrefix',
  'quoted',
];

/** The longest that a timer of the platform can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Checks a policy.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` naming the member and what would be right.
 */
export function toRetrySettings(policy: RetryPolicy): RetrySettings {
  requireMembers(policy, MEMBERS, 'retry policy');
  const { budget, onRetry, onUnknown = 'retry' } = policy;
  if (onUnknown !== 'retry' && onUnknown !== 'throw') {
    const shown = typeof onUnknown === 'string' ? quote(onUnknown) : nameOf(onUnknown);
    refuse(RangeError, `onUnknown is ${shown}, wanted "retry" or "throw"`);
  }
  if (onRetry !== undefined && typeof onRetry !== 'function') {
    refuse(TypeError, `onRetry is ${nameOf(onRetry)}, wanted a function`);
  }
  if (budget !== undefined && budget !== false && !(budget instanceof RetryBudget)) {
    refuse(TypeError, `budget is ${nameOf(budget)}, wanted retryBudget(…) or false`);
  }
  return {
    statuses: statusesOf(policy.statuses ?? [408, 409, 429, '5xx']),
    codes: codesOf('codes', policy.codes),
    finalCodes: codesOf('finalCodes', policy.finalCodes),
    maxAttempts: whole('maxAttempts', policy.maxAttempts, 1) ?? 4,
    baseDelayMs: whole('baseDelayMs', policy.baseDelayMs, 0) ?? 500,
    maxDelayMs: whole('maxDelayMs', policy.maxDelayMs, 0) ?? 20_000,
    maxRetryAfterMs: whole('maxRetryAfterMs', policy.maxRetryAfterMs, 0) ?? 60_000,
    deadlineMs: whole('deadlineMs', policy.deadlineMs, 1),
    attemptTimeoutMs: whole('attemptTimeoutMs', policy.attemptTimeoutMs, 1),
    onUnknown,
    budget: budget === false ? undefined : (budget ?? retryBudget()),
    onRetry,
  };
}

function statusesOf(statuses: unknown): ReadonlySet<number | '5xx'> {
  if (!Array.isArray(statuses)) {
    return refuse(TypeError, `statuses is ${nameOf(statuses)}, wanted an array`);
  }
  for (const status of statuses) {
    if (NEVER_RETRIED.has(status)) {
      refuse(
        RangeError,
        `statuses has ${status}, which says that the request is wrong; wanted others`,
      );
    }
    const isStatus = Number.isInteger(status) && status >= 400 && status <= 599;
    if (status !== '5xx' && !isStatus) {
      const shown = typeof status === 'number' ? status : nameOf(status);
      refuse(RangeError, `statuses has ${shown}, wanted 400 to 599 or "5xx"`);
    }
  }
  return new Set(statuses);
}

function codesOf(name: string, codes: unknown = []): readonly (string | RegExp)[] {
  if (!Array.isArray(codes))
    return refuse(TypeError, `${name} is ${nameOf(codes)}, wanted an array`);
  for (const code of codes) {
    if (typeof code !== 'string' && !(code instanceof RegExp)) {
      refuse(TypeError, `${name} has ${nameOf(code)}, wanted text or a regular expression`);
    }
  }
  return codes;
}

function whole(name: string, value: unknown, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number') {
    return refuse(TypeError, `${name} is ${nameOf(value)}, wanted a whole number from ${least}`);
  }
  if (!Number.isInteger(value) || value < least || value > LONGEST_MS) {
    refuse(RangeError, `${name} is ${value}, wanted a whole number from ${least} to ${LONGEST_MS}`);
  }
  return value;
}

function refuse(Class: new (message: string) => Error, what: string): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot use the retry policy: ${what}`);
}
