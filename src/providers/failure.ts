/** The signs of a failure that the answers of all APIs share. */
import type { Members, Message } from './provider.js';

/** Whether a value has a member `error` that says something: `null`, `{}`, `false` and `''` do not. */
export function hasError(value: unknown): boolean {
  const { error } = (value ?? {}) as { error?: unknown };
  return typeof error === 'object' && error !== null
    ? Object.keys(error).length > 0
    : Boolean(error);
}

/**
 * Finish reasons of an answer that failed: `error` (OpenRouter, Mistral, Together; `ERROR` at Cohere),
 * `abort` (vLLM and SGLang, whose engine dropped the request), `insufficient_system_resource` (DeepSeek).
 */
const FAILED_REASONS: ReadonlySet<unknown> = new Set([
  'error',
  'ERROR',
  'abort',
  'insufficient_system_resource',
]);

export const isFailedReason = (reason: unknown): boolean => FAILED_REASONS.has(reason);

/**
 * Whether a message says that the answer failed: an event named `error`, a member `error`, or
 * `{"object":"error"}`. Text about errors is inside strings and does not count.
 */
export const saysFailure = ({ name, json }: Message): boolean =>
  name === 'error' || hasError(json) || json.object === 'error';

/** The members of a JSON value; empty for anything but an object. */
export const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};
