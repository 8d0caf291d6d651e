import type { SamekeyErrorCode } from '../errors/errors.js';

/** What a problem says (RFC 9457 §3.1), and samekey's code for it. */
export interface ProblemDetails {
  /** The address of a section that explains it. */
  readonly type: string;
  /** What is wrong, the same for all problems of this type. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong with this request, and what would be right. */
  readonly detail: string;
  /** Stable identifier, such as `SAMEKEY_MISMATCH`. */
  readonly code: string;
}

/** A response that reports a problem as `application/problem+json` (RFC 9457). */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The docs explain each problem in a section with its name. */
const DOCS = 'https://github.com/samekey/samekey/blob/main/docs';

/** By the page that explains the problem. */
export const TITLES = {
  server: {
    'key-malformed': 'The idempotency key is malformed',
    'key-missing': 'An idempotency key is required',
    'key-reused': 'The idempotency key was used with another request',
    'in-progress': 'The request is being processed',
    'outcome-unknown': 'The outcome of the request is unknown',
    'response-unreadable': 'The stored response cannot be read',
    'body-too-large': 'The request is too large',
    'body-not-comparable': 'The request cannot be compared with others',
    'limit-reached': 'Too many requests for one account or key',
    unavailable: 'The request cannot be processed at the moment',
    overloaded: 'Too many responses are in progress',
    'no-answer': 'The request was not answered in time',
  },
  /** Problems that only the proxy reports. */
  proxy: {
    refused: 'The proxy refuses the request',
    'upstream-failed': 'The upstream gave no response that can be passed on',
    fault: 'The proxy failed',
  },
} as const;

export type ProblemName = keyof typeof TITLES.server | keyof typeof TITLES.proxy;

/** Problems by the code of their error. They have the same names and statuses in servers and in the proxy. */
export const PROBLEM_BY_CODE = {
  SAMEKEY_IN_PROGRESS: ['in-progress', 409],
  // The response in progress is too long to be shared. A later attempt receives it or runs again.
  SAMEKEY_TOO_LONG: ['in-progress', 409],
  SAMEKEY_UNKNOWN_OUTCOME: ['outcome-unknown', 409],
  SAMEKEY_MISMATCH: ['key-reused', 422],
  // Another attempt reads the same bytes, until an operator adds the key that is missing.
  SAMEKEY_UNREADABLE: ['response-unreadable', 500],
  SAMEKEY_LIMIT: ['limit-reached', 429],
  SAMEKEY_OVERLOADED: ['overloaded', 503],
  SAMEKEY_CLOSED: ['unavailable', 503],
  SAMEKEY_LEASE_LOST: ['unavailable', 503],
  SAMEKEY_STORE: ['unavailable', 503],
  SAMEKEY_TIMEOUT: ['no-answer', 504],
} as const satisfies Partial<
  Record<SamekeyErrorCode, readonly [name: ProblemName, status: number]>
>;

export const PROBLEM_TYPE = 'application/problem+json';

/** The next attempt may succeed, so no cache on the way may answer it. */
export const NOT_CACHED = { 'cache-control': 'no-store' };

/** Returns what a problem says, the same in servers and in the proxy. */
export function problemDetails(
  name: ProblemName,
  status: number,
  code: SamekeyErrorCode | 'SAMEKEY_FAULT',
  detail: string,
): ProblemDetails {
  const document = name in TITLES.proxy ? 'proxy' : 'server';
  const title = { ...TITLES.server, ...TITLES.proxy }[name];
  return { type: `${DOCS}/${document}.md#${name}`, title, status, detail, code };
}

export const problemText = (details: ProblemDetails) => `${JSON.stringify(details)}\n`;

/** Returns the response for a problem. */
export function problem(
  name: ProblemName,
  status: number,
  code: SamekeyErrorCode | 'SAMEKEY_FAULT',
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Problem {
  return {
    status,
    headers: { 'content-type': PROBLEM_TYPE, ...NOT_CACHED, ...headers },
    body: problemText(problemDetails(name, status, code, detail)),
  };
}
