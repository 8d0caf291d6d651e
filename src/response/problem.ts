import type { SamekeyErrorCode } from '../errors/errors.js';

/** What a client is told that gets no response: a status, and RFC 9457's `application/problem+json`. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where the problems are explained, each under its name. */
const DOCS = 'https://github.com/samekey/samekey/blob/main/docs';

const TITLES = {
  server: {
    'key-malformed': 'The idempotency key is malformed',
    'key-missing': 'An idempotency key is required',
    'key-reused': 'The idempotency key was used with another request',
    'in-progress': 'The request is being processed',
    'outcome-unknown': 'It is not known what became of the request',
    'body-too-large': 'The request is too large',
    'body-not-comparable': 'The request cannot be compared with others',
    unavailable: 'The request cannot be taken at the moment',
    'no-answer': 'The request was not answered in time',
  },
  /** What only a proxy has to say. */
  proxy: {
    refused: 'The proxy does not take the request',
    'upstream-failed': 'The upstream gave no answer that can be passed on',
    fault: 'The proxy failed',
  },
} as const;

export type ProblemName = keyof typeof TITLES.server | keyof typeof TITLES.proxy;

/** The same words for a problem, whoever tells it. */
export function problem(
  name: ProblemName,
  status: number,
  code: SamekeyErrorCode | 'SAMEKEY_FAULT',
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Problem {
  const document = name in TITLES.proxy ? 'proxy' : 'server';
  const title = { ...TITLES.server, ...TITLES.proxy }[name];
  const body = { type: `${DOCS}/${document}.md#${name}`, title, status, detail, code };
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      // What is wrong now may be right at the next attempt, which no cache on the way may answer.
      'cache-control': 'no-store',
      ...headers,
    },
    body: `${JSON.stringify(body)}\n`,
  };
}
