import type { LimitError } from '../once/errors.js';
import { limitNotice } from '../response/limit-problem.js';
import { PROBLEM_BY_CODE, type Problem, type ProblemName, problem } from '../response/problem.js';
import { codeOf } from '../server/problem.js';

/** Problems by the code of their error. An error with another code is a fault of the proxy. */
const PROBLEMS: Readonly<Record<string, readonly [name: ProblemName, status: number]>> = {
  ...PROBLEM_BY_CODE,
  SAMEKEY_BAD_KEY: ['key-malformed', 400],
  SAMEKEY_BAD_SCOPE: ['body-not-comparable', 400],
  SAMEKEY_EMPTY_IDENTITY: ['body-not-comparable', 400],
  SAMEKEY_TOO_DEEP: ['body-not-comparable', 400],
  SAMEKEY_REFUSED: ['refused', 400],
  SAMEKEY_BROKEN_RESPONSE: ['upstream-failed', 502],
  SAMEKEY_UPSTREAM: ['upstream-failed', 502],
  SAMEKEY_NO_TABLE: ['unavailable', 503],
  SAMEKEY_STORE_FULL: ['unavailable', 503],
};

/** Errors after which a retry costs nothing: no request was sent, or another request gets the response. */
const RETRYABLE: ReadonlySet<string> = new Set([
  'SAMEKEY_CLOSED',
  'SAMEKEY_IN_PROGRESS',
  'SAMEKEY_OVERLOADED',
  'SAMEKEY_STORE',
  'SAMEKEY_STORE_FULL',
  'SAMEKEY_TOO_LONG',
  'SAMEKEY_UPSTREAM',
]);

/** Returns the response to a request that gets no response from the upstream. */
export function problemOf(error: unknown): Problem {
  const code = codeOf(error) ?? 'SAMEKEY_FAULT';
  // Only an error of samekey has a status and a message for clients.
  const { message, status: ownStatus } = (
    code === 'SAMEKEY_FAULT' ? {} : error
  ) as Partial<ErrorWithStatus>;
  const [usualName, usualStatus] = PROBLEMS[code] ?? ['fault', 500];
  if (code === 'SAMEKEY_LIMIT') {
    const { detail, headers } = limitNotice(error as LimitError);
    return problem(usualName, usualStatus, code, detail, headers);
  }
  const status = ownStatus ?? usualStatus;
  const name = status === 413 ? 'body-too-large' : usualName;
  const isRetryable = RETRYABLE.has(code) && status !== 413;
  const detail = isInternal(status, code)
    ? 'The proxy failed. Its log has the error.'
    : String(message);
  return problem(name, status, code, detail, {
    // The SDKs of OpenAI and Anthropic read this before they retry. If the upstream may have done the
    // work, a person must decide.
    'x-should-retry': String(isRetryable),
    ...(isRetryable && { 'retry-after': '1' }),
  });
}

/** Whether clients must not read the message: faults, and addresses of servers behind the proxy. */
const isInternal = (status: number, code: string) => status === 500 || STORE_CODES.has(code);

const STORE_CODES: ReadonlySet<string> = new Set([
  'SAMEKEY_NO_TABLE',
  'SAMEKEY_STORE',
  'SAMEKEY_STORE_FULL',
]);

interface ErrorWithStatus {
  readonly message: string;
  readonly status: number;
}
