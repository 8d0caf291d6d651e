import { isUnknownFailure } from '../response/unknown-failure.js';

/**
 * Whether it is unknown what the provider did after a call failed. An error with a status is an answer,
 * except a success status, whose body then broke off. Of the SDK's own errors only `AI_APICallError` can
 * occur after the request was sent.
 */
export function isUnknownCallFailure(error: unknown): boolean {
  const { name, statusCode } = (error ?? {}) as { name?: unknown; statusCode?: unknown };
  if (typeof statusCode === 'number') return statusCode >= 200 && statusCode < 300;
  if (String(name).startsWith('AI_') && name !== 'AI_APICallError') return false;
  return isUnknownFailure(error);
}
