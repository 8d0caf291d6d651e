import type { SamekeyErrorCode } from '../errors/errors.js';
import { type Problem, type ProblemName, problem } from '../response/problem.js';

/** By the code of what went wrong. What is not here has a status of its own, or is a fault of ours. */
const TOLD: Readonly<Record<string, readonly [name: ProblemName, status: number]>> = {
  SAMEKEY_BAD_KEY: ['key-malformed', 400],
  SAMEKEY_BAD_SCOPE: ['body-not-comparable', 400],
  SAMEKEY_EMPTY_IDENTITY: ['body-not-comparable', 400],
  SAMEKEY_TOO_DEEP: ['body-not-comparable', 400],
  SAMEKEY_REFUSED: ['refused', 400],
  SAMEKEY_IN_PROGRESS: ['in-progress', 409],
  // The response under way cannot be shared any longer: it is there when that is over, or sent anew.
  SAMEKEY_TOO_LONG: ['in-progress', 409],
  SAMEKEY_UNKNOWN_OUTCOME: ['outcome-unknown', 409],
  SAMEKEY_MISMATCH: ['key-reused', 422],
  SAMEKEY_BROKEN_RESPONSE: ['upstream-failed', 502],
  SAMEKEY_UPSTREAM: ['upstream-failed', 502],
  SAMEKEY_CLOSED: ['unavailable', 503],
  SAMEKEY_LEASE_LOST: ['unavailable', 503],
  SAMEKEY_NO_TABLE: ['unavailable', 503],
  SAMEKEY_STORE: ['unavailable', 503],
  SAMEKEY_STORE_FULL: ['unavailable', 503],
  SAMEKEY_TIMEOUT: ['no-answer', 504],
};

/** Nothing was sent, or somebody else's answer is on its way: to ask again costs nothing. */
const HARMLESS: ReadonlySet<string> = new Set([
  'SAMEKEY_CLOSED',
  'SAMEKEY_IN_PROGRESS',
  'SAMEKEY_STORE',
  'SAMEKEY_STORE_FULL',
  'SAMEKEY_TOO_LONG',
  'SAMEKEY_UPSTREAM',
]);

/** Returns what to answer when there is no answer of the upstream. */
export function problemOf(error: unknown): Problem {
  const { code = 'SAMEKEY_FAULT', message, status: own } = error as Partial<ErrorWithCode>;
  const [told, usual] = TOLD[code] ?? ['fault', 500];
  const status = own ?? usual;
  const name = status === 413 ? 'body-too-large' : told;
  const isHarmless = HARMLESS.has(code) && status !== 413;
  const detail = isOurs(status, code) ? 'The proxy failed; its log says at what.' : String(message);
  return problem(name, status, code, detail, {
    // What the SDKs of OpenAI and Anthropic ask before they send it once more by themselves: where
    // the upstream may have done the work, that is for a person to decide.
    'x-should-retry': String(isHarmless),
    ...(isHarmless && { 'retry-after': '1' }),
  });
}

/** Whether it is nothing that a client should read: faults, addresses of servers behind this one. */
const isOurs = (status: number, code: string) => status === 500 || STORE.has(code);

const STORE: ReadonlySet<string> = new Set([
  'SAMEKEY_NO_TABLE',
  'SAMEKEY_STORE',
  'SAMEKEY_STORE_FULL',
]);

interface ErrorWithCode {
  readonly code: SamekeyErrorCode | 'SAMEKEY_FAULT';
  readonly message: string;
  readonly status: number;
}
