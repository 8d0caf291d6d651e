import { isUnknownFailure } from '../response/unknown-failure.js';

/**
 * Whether a call failed so that nobody knows what the provider did. An error with a status is an
 * answer, unless it is one of success, whose body then broke off. Of the SDK's own errors only
 * `AI_APICallError` can come after something was sent.
 */
export function isUnknownCallFailure(error: unknown): boolean {
  const { name, statusCode } = (error ?? {}) as { name?: unknown; statusCode?: unknown };
  if (typeof statusCode === 'number') return statusCode >= 200 && statusCode < 300;
  if (String(name).startsWith('AI_') && name !== 'AI_APICallError') return false;
  return isUnknownFailure(error);
}
