import { ResponseNotKeptError } from './errors.js';

/** Failures before anything was sent, as Node's `fetch` names them. */
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
  const { code } = ((error as Error | undefined)?.cause ?? {}) as { code?: unknown };
  return !(typeof code === 'string' && NOT_SENT.has(code));
}
