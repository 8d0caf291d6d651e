import { fail, nameOf } from '../errors/errors.js';
import { ignoreRejection } from '../options/callbacks.js';
import { hasCredential, receivedAccount } from '../request/account.js';
import type { HeaderReader } from '../request/key-header.js';
import type { CallExtra } from './call.js';

/** Reads the headers of Node.js by their names in lower case. */
const readerOf = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
): HeaderReader => ({
  has: (name) => Object.hasOwn(headers, name) && headers[name] !== undefined,
  get(name) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    return value === undefined ? null : [value].flat().join(', ');
  },
  keys: () => Object.keys(headers),
});

/** An agent that connects again is the same caller, in a new session. */
const SESSION: ReadonlySet<string> = new Set(['mcp-session-id']);

/**
 * Returns the account that a call belongs to. No caller may receive the result of another, so a call over
 * HTTP needs one. A transport without requests, such as stdio, has one caller, who started the process.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if nothing says whose call it is.
 */
export function callerOf(extra: CallExtra, account?: (extra: CallExtra) => unknown): string {
  const given = account?.(extra);
  if (given !== undefined && given !== null && typeof given !== 'string') {
    ignoreRejection(given);
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot tell whose call it is: account gave ${nameOf(given)}, wanted text`,
    );
  }
  if (given) return given;
  const { authInfo, requestInfo } = extra;
  // A verified token is the caller's whatever cookies are sent with it.
  const headers = authInfo ? { authorization: `Bearer ${authInfo.token}` } : requestInfo?.headers;
  if (headers === undefined) return '';
  const reader = readerOf(headers);
  if (hasCredential(reader)) return receivedAccount(reader, SESSION);
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    "Cannot tell whose call it is: it came over HTTP without credentials, wanted the option account of idempotentTools, such as () => 'local' if all callers may share results",
  );
}
