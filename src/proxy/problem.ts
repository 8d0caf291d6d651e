import { STATUS_CODES } from 'node:http';

/** What a client is told: a status, and RFC 9457's `application/problem+json`. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** By the code of what went wrong. What is not here has a status of its own, or is a fault of ours. */
const STATUSES: Readonly<Record<string, number>> = {
  SAMEKEY_BAD_KEY: 400,
  SAMEKEY_BAD_SCOPE: 400,
  SAMEKEY_EMPTY_IDENTITY: 400,
  SAMEKEY_TOO_DEEP: 400,
  SAMEKEY_IN_PROGRESS: 409,
  // The response under way cannot be shared any longer: it is there when that is over, or sent anew.
  SAMEKEY_TOO_LONG: 409,
  SAMEKEY_UNKNOWN_OUTCOME: 409,
  SAMEKEY_MISMATCH: 422,
  SAMEKEY_BROKEN_RESPONSE: 502,
  SAMEKEY_CLOSED: 503,
  SAMEKEY_LEASE_LOST: 503,
  SAMEKEY_NO_TABLE: 503,
  SAMEKEY_STORE: 503,
  SAMEKEY_STORE_FULL: 503,
  SAMEKEY_TIMEOUT: 504,
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
  const status = own ?? STATUSES[code] ?? 500;
  const isHarmless = HARMLESS.has(code) && status !== 413;
  const detail = isOurs(status, code) ? 'The proxy failed; its log says at what.' : String(message);
  const body = { type: 'about:blank', title: STATUS_CODES[status], status, detail, code };
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      // No cache on the way may answer the next attempt with this.
      'cache-control': 'no-store',
      // What the SDKs of OpenAI and Anthropic ask before they send it once more by themselves: where
      // the upstream may have done the work, that is for a person to decide.
      'x-should-retry': String(isHarmless),
      ...(isHarmless && { 'retry-after': '1' }),
    },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** Whether it is nothing that a client should read: faults, addresses of servers behind this one. */
const isOurs = (status: number, code: string) => status === 500 || STORE.has(code);

const STORE: ReadonlySet<string> = new Set([
  'SAMEKEY_NO_TABLE',
  'SAMEKEY_STORE',
  'SAMEKEY_STORE_FULL',
]);

interface ErrorWithCode {
  readonly code: string;
  readonly message: string;
  readonly status: number;
}
