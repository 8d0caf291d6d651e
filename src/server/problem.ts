import type { SamekeyErrorCode } from '../errors/errors.js';
import type { LimitError } from '../once/errors.js';
import { limitNotice } from '../response/limit-problem.js';
import {
  NOT_CACHED,
  PROBLEM_BY_CODE,
  type ProblemDetails,
  type ProblemName,
  problemDetails,
} from '../response/problem.js';

/** Why a request is refused. */
export interface ServerProblem extends ProblemDetails {
  /** Headers for the client, with names in lower case: `cache-control`, `retry-after`, `x-should-retry`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns a problem of a server. */
export const serverProblem = (
  name: ProblemName,
  status: number,
  code: SamekeyErrorCode,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): ServerProblem => ({
  ...problemDetails(name, status, code, detail),
  headers: { ...NOT_CACHED, ...headers },
});

/** `Retry-After` in seconds. The SDKs of OpenAI and Anthropic read `x-should-retry`, too. */
const RETRIED = { 'retry-after': '1', 'x-should-retry': 'true' };
const NOT_RETRIED = { 'x-should-retry': 'false' };

type Details = readonly [headers: Readonly<Record<string, string>>, detail: string];

const IN_PROGRESS: Details = [
  RETRIED,
  'Cannot answer yet: the first request with this key is still being processed, wanted another attempt later',
];
const UNAVAILABLE: Details = [
  RETRIED,
  'Cannot process the request: the records of earlier requests cannot be read, wanted another attempt later',
];

/** Messages for clients. The messages of the errors name an internal key, which no client has sent. */
const DETAILS: Readonly<Record<Exclude<keyof typeof PROBLEM_BY_CODE, 'SAMEKEY_LIMIT'>, Details>> = {
  SAMEKEY_MISMATCH: [
    NOT_RETRIED,
    'Cannot process the request: its key was sent before with another body or query, wanted a key of its own for every request',
  ],
  SAMEKEY_IN_PROGRESS: IN_PROGRESS,
  SAMEKEY_TOO_LONG: IN_PROGRESS,
  SAMEKEY_UNKNOWN_OUTCOME: [
    NOT_RETRIED,
    'Cannot process the request: an earlier attempt ended without an answer, wanted an operator to check what it did',
  ],
  SAMEKEY_OVERLOADED: [
    RETRIED,
    'Cannot process the request: too many responses are held for clients that do not read them, wanted another attempt later',
  ],
  SAMEKEY_UNREADABLE: [
    NOT_RETRIED,
    'Cannot answer: the request was processed before, and its stored response cannot be read, wanted an operator to look at it',
  ],
  SAMEKEY_STORE: UNAVAILABLE,
  SAMEKEY_CLOSED: UNAVAILABLE,
  SAMEKEY_LEASE_LOST: [
    RETRIED,
    'Cannot answer: the record of the request was lost while it was being processed, wanted another attempt with the same key',
  ],
  SAMEKEY_TIMEOUT: [
    RETRIED,
    'Cannot answer: the request was not finished in time, wanted another attempt with the same key',
  ],
};

/** Returns the problem that a client receives for an error; `undefined` for other errors. */
export function problemOf(error: unknown): ServerProblem | undefined {
  const code = codeOf(error);
  if (code === undefined || !isProblem(code)) return undefined;
  const [name, status] = PROBLEM_BY_CODE[code];
  if (code === 'SAMEKEY_LIMIT') {
    const { detail, headers } = limitNotice(error as LimitError);
    return serverProblem(name, status, code, detail, headers);
  }
  const [headers, detail] = DETAILS[code];
  return serverProblem(name, status, code, detail, headers);
}

const isProblem = (code: SamekeyErrorCode): code is keyof typeof PROBLEM_BY_CODE =>
  Object.hasOwn(PROBLEM_BY_CODE, code);

/** Returns the code of an error of samekey; `undefined` for other errors. */
export function codeOf(error: unknown): SamekeyErrorCode | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && code.startsWith('SAMEKEY_')
    ? (code as SamekeyErrorCode)
    : undefined;
}
