import { OnceError } from '../../once/index.js';

/** Where the problems are explained. */
const DOCUMENT = 'https://github.com/samekey/samekey/blob/main/docs/server.md';

const TITLES = {
  'key-malformed': 'The idempotency key is malformed',
  'key-missing': 'An idempotency key is required',
  'key-reused': 'The idempotency key was used with another request',
  'in-progress': 'The request is being processed',
  'outcome-unknown': 'It is not known what became of the request',
  'body-too-large': 'The request is too large',
  'body-not-comparable': 'The request cannot be compared with others',
  unavailable: 'Requests cannot be told apart at the moment',
  'no-answer': 'The request was not answered in time',
} as const;

export type ProblemName = keyof typeof TITLES;

/** A response that says what is wrong, as RFC 9457 has it. */
export function problem(
  status: number,
  name: ProblemName,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = { type: `${DOCUMENT}#${name}`, title: TITLES[name], status, detail };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      // What is wrong now may be right at the next attempt.
      'cache-control': 'no-store',
      ...headers,
    },
  });
}

/** When to try again what is under way, in seconds. The SDKs that retry read the other one, too. */
const RETRIED = { 'retry-after': '1', 'x-should-retry': 'true' };
const NOT_RETRIED = { 'x-should-retry': 'false' };

/** What a client is told that gets no answer of the handler; `undefined` if it is not for clients. */
export function problemOf(error: unknown): Response | undefined {
  // The key in the message is one that the client has not sent.
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  switch (error.code) {
    case 'SAMEKEY_MISMATCH':
      return problem(
        422,
        'key-reused',
        'Cannot process the request: its key was sent before with another body or query, wanted a key of its own for every request',
        NOT_RETRIED,
      );
    case 'SAMEKEY_IN_PROGRESS':
    // Its response is longer than can be shared: it is there when it is over.
    case 'SAMEKEY_TOO_LONG':
      return problem(
        409,
        'in-progress',
        'Cannot answer yet: the first request with this key is being processed, wanted its end; try again later',
        RETRIED,
      );
    case 'SAMEKEY_UNKNOWN_OUTCOME':
      return problem(
        409,
        'outcome-unknown',
        'Cannot process the request: an earlier attempt ended without an answer, wanted somebody to look at what it did',
        NOT_RETRIED,
      );
    case 'SAMEKEY_STORE':
    case 'SAMEKEY_CLOSED':
    case 'SAMEKEY_LEASE_LOST':
      return problem(
        503,
        'unavailable',
        error instanceof OnceError && error.code === 'SAMEKEY_LEASE_LOST'
          ? 'Cannot answer: the record of the request was lost while it was being processed, wanted another attempt with the same key'
          : 'Cannot process the request: the records of earlier requests cannot be read, wanted another attempt later',
        RETRIED,
      );
    case 'SAMEKEY_TIMEOUT':
      return problem(
        504,
        'no-answer',
        'Cannot answer: nothing came of the request in time, wanted another attempt with the same key',
        RETRIED,
      );
    default:
      return undefined;
  }
}
