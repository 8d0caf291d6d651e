import type { SamekeyErrorCode } from '../errors/errors.js';
import { type ProblemName, problem } from '../response/problem.js';

/** A response that says what is wrong, as RFC 9457 has it. */
export function refusal(...said: Parameters<typeof problem>): Response {
  const { status, headers, body } = problem(...said);
  return new Response(body, { status, headers: { ...headers } });
}

/** When to try again what is under way, in seconds. The SDKs that retry read the other one, too. */
const RETRIED = { 'retry-after': '1', 'x-should-retry': 'true' };
const NOT_RETRIED = { 'x-should-retry': 'false' };

type Told = readonly [
  name: ProblemName,
  status: number,
  headers: Readonly<Record<string, string>>,
  detail: string,
];

const IN_PROGRESS: Told = [
  'in-progress',
  409,
  RETRIED,
  'Cannot answer yet: the first request with this key is being processed, wanted its end; try again later',
];
const UNAVAILABLE: Told = [
  'unavailable',
  503,
  RETRIED,
  'Cannot process the request: the records of earlier requests cannot be read, wanted another attempt later',
];

/** In words of its own: the key in an error's message is one that the client has not sent. */
const TOLD: Readonly<Record<string, Told>> = {
  SAMEKEY_MISMATCH: [
    'key-reused',
    422,
    NOT_RETRIED,
    'Cannot process the request: its key was sent before with another body or query, wanted a key of its own for every request',
  ],
  SAMEKEY_IN_PROGRESS: IN_PROGRESS,
  // Its response is longer than can be shared: it is there when it is over.
  SAMEKEY_TOO_LONG: IN_PROGRESS,
  SAMEKEY_UNKNOWN_OUTCOME: [
    'outcome-unknown',
    409,
    NOT_RETRIED,
    'Cannot process the request: an earlier attempt ended without an answer, wanted somebody to look at what it did',
  ],
  SAMEKEY_STORE: UNAVAILABLE,
  SAMEKEY_CLOSED: UNAVAILABLE,
  SAMEKEY_LEASE_LOST: [
    'unavailable',
    503,
    RETRIED,
    'Cannot answer: the record of the request was lost while it was being processed, wanted another attempt with the same key',
  ],
  SAMEKEY_TIMEOUT: [
    'no-answer',
    504,
    RETRIED,
    'Cannot answer: nothing came of the request in time, wanted another attempt with the same key',
  ],
};

/** What a client is told that gets no answer of the handler; `undefined` if it is not for clients. */
export function refusalOf(error: unknown): Response | undefined {
  const code = codeOf(error);
  const told = code === undefined ? undefined : TOLD[code];
  if (code === undefined || told === undefined) return undefined;
  const [name, status, headers, detail] = told;
  return refusal(name, status, code, detail, headers);
}

/** The code of an error of samekey's. */
export function codeOf(error: unknown): SamekeyErrorCode | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && code.startsWith('SAMEKEY_')
    ? (code as SamekeyErrorCode)
    : undefined;
}
