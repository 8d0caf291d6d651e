import { ResponseNotKeptError } from './errors.js';

/** Failures before anything was sent, as Node names them in the `cause`, and Bun in the error itself. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ERR_INVALID_URL',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_INVALID_ARG',
]);

/**
 * Whether a request failed so that nobody knows what the other side did: not if it answered, even by
 * refusing, and not if it was never reached.
 */
export function isUnknownFailure(error: unknown): boolean {
  if (error instanceof ResponseNotKeptError) return false;
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  const inner = (cause ?? {}) as { code?: unknown; message?: unknown };
  return !(
    NOT_SENT.has(String(code)) ||
    NOT_SENT.has(String(inner.code)) ||
    // All that Deno says of it.
    String(inner.message).includes('client error (Connect)')
  );
}
