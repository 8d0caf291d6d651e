import { ResponseNotKeptError } from './errors.js';

/** Error codes of failures before anything was sent: in the `cause` on Node.js, in the error itself on Bun. */
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
 * Whether it is unknown what the other side did after a request failed. It is known if the other side
 * answered, even with a refusal, or was never reached.
 */
export function isUnknownFailure(error: unknown): boolean {
  if (error instanceof ResponseNotKeptError) return false;
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  const inner = (cause ?? {}) as { code?: unknown; message?: unknown };
  return !(
    NOT_SENT.has(String(code)) ||
    NOT_SENT.has(String(inner.code)) ||
    // Deno has only this message.
    String(inner.message).includes('client error (Connect)')
  );
}
