/** The signs of a failure that the answers of all APIs share. */
import type { Members, Message } from './provider.js';

/**
 * Whether a value has a member `error` that says something. `null`, `{}`, `false` and `''` say nothing,
 * and an object of such members says nothing: a new fine-tuning job of OpenAI has one.
 */
export function hasError(value: unknown): boolean {
  const { error } = membersOf(value);
  return typeof error === 'object' && error !== null
    ? Object.values(error).some(Boolean)
    : Boolean(error);
}

/**
 * Finish reasons of an answer that failed: `error` (OpenRouter, Mistral, Together; `ERROR` at Cohere),
 * `abort` (vLLM and SGLang, whose engine dropped the request), `insufficient_system_resource` (DeepSeek),
 * `network_error` (Z.ai: the inference failed), `TIMEOUT` (Cohere v2: the generation was given up).
 */
const FAILED_REASONS: ReadonlySet<unknown> = new Set([
  'error',
  'ERROR',
  'abort',
  'insufficient_system_resource',
  'network_error',
  'TIMEOUT',
]);

export const isFailedReason = (reason: unknown): boolean => FAILED_REASONS.has(reason);

/** Other members in which an API tells a failure under a 200. */
const says = (json: Members): boolean =>
  json.object === 'error' ||
  // Baidu Qianfan, Databricks, Telegram.
  (Boolean(json.error_code) && json.error_code !== '0') ||
  // MiniMax (platform.minimax.io/docs): 0 is a success.
  Boolean(membersOf(json.base_resp).status_code) ||
  // The JSON protocols of AWS (smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
  /(?:Exception|Error|Failure)$/.test(String(json.__type)) ||
  (Array.isArray(json.errors) &&
    // Cloudflare's API; GraphQL, where the data of a request that failed is null.
    (json.success === false || (json.errors.length > 0 && json.data === null)));

/**
 * Whether a message says that the answer failed: an event named `error`, a member `error`, or one of the
 * signs above. Text about errors is inside strings and does not count.
 */
export const saysFailure = ({ name, json }: Message): boolean =>
  name === 'error' || hasError(json) || says(json);

/**
 * The members of a JSON value; empty for anything but an object. Their object inherits nothing: another
 * program's library may have set an `error` on `Object.prototype`.
 */
export const membersOf = (value: unknown): Members => ({
  __proto__: null,
  ...(typeof value === 'object' && !Array.isArray(value) ? value : undefined),
});
