import { fail, nameOf, quote } from '../errors/errors.js';
import { own } from '../options/own.js';
import { anthropicBatch } from '../providers/anthropic.js';
import { membersOf } from '../providers/failure.js';
import { openaiBatch } from '../providers/openai.js';
import type { BatchFormat, BatchRoute } from '../providers/provider.js';

/** A provider with a batch API. */
export type BatchProvider = 'anthropic' | 'openai';

/** A request in the form of the provider's batch API. Its `custom_id` names the requester of the result. */
export type BatchRequest =
  | {
      /** Names the requester of the result. */
      readonly custom_id?: string;
      /** The body of the request (Anthropic). */
      readonly params: object;
    }
  | {
      /** Names the requester of the result. */
      readonly custom_id?: string;
      /** The only method of batches. */
      readonly method?: 'POST';
      /** The path of the endpoint, such as `/v1/responses`. */
      readonly url: string;
      /** The body of the request (OpenAI). */
      readonly body: object;
    };

/** The limits of one batch. */
export interface BatchLimits {
  /** The most requests. Each input of an embeddings request counts as one. */
  readonly maxRequests: number;
  /** The most bytes of the batch file. */
  readonly maxBytes: number;
}

/** The batch format of each provider. */
export const FORMATS = {
  anthropic: anthropicBatch,
  openai: openaiBatch,
} as const satisfies Readonly<Record<BatchProvider, BatchFormat>>;

/** Reads the requester, the body and the route of a request. `label` names it in messages. */
export function readRequest(
  request: unknown,
  provider: BatchProvider,
  label: string,
): { readonly requester: string | undefined; readonly body: object; readonly route: BatchRoute } {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    refuse(TypeError, label, `it is ${nameOf(request)}, wanted an object`);
  }
  const members = membersOf(request);
  const { custom_id: requester, method = 'POST', url } = members;
  if (requester !== undefined && typeof requester !== 'string') {
    refuse(TypeError, label, `custom_id is ${nameOf(requester)}, wanted text`);
  }
  const format: BatchFormat = FORMATS[provider];
  const { bodyMember } = format;
  const [fixedRoute, routeOf] = [own(format, 'fixedRoute'), own(format, 'routeOf')];
  const body = members[bodyMember];
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const state = `${bodyMember} is ${describe(body)}`;
    refuse(TypeError, label, `${state}, wanted the request that ${provider} takes`);
  }
  if (fixedRoute !== undefined) return { requester, body, route: fixedRoute };
  if (method !== 'POST') {
    refuse(RangeError, label, 'method is not "POST", the only one in a batch');
  }
  if (typeof url !== 'string' || !url.startsWith('/')) {
    const state = `url is ${typeof url === 'string' ? quote(url) : describe(url)}`;
    refuse(TypeError, label, `${state}, wanted a path such as "/v1/chat/completions"`);
  }
  return { requester, body, route: (routeOf as NonNullable<typeof routeOf>)(url, body) };
}

const describe = (value: unknown) => (value === undefined ? 'missing' : nameOf(value));

function refuse(Class: new (message: string) => Error, label: string, reason: string): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot plan ${label}: ${reason}`);
}

/** Upper bound of the bytes of a line of a batch, without its body. */
export const lineOverheadBytes = (url: string) => 160 + url.length;

/** Refuses a request that exceeds the limits of a batch. */
export function requireFit(
  label: string,
  { weight }: BatchRoute,
  byteCount: number,
  { maxBytes, maxRequests }: BatchLimits,
): void {
  if (byteCount <= maxBytes && weight <= maxRequests) return;
  fail(
    RangeError,
    'SAMEKEY_TOO_LONG',
    byteCount > maxBytes
      ? `Cannot plan ${label}: it has ${byteCount} bytes, wanted at most ${maxBytes} in a batch`
      : `Cannot plan ${label}: it has ${weight} inputs, wanted at most ${maxRequests} in a batch`,
  );
}
