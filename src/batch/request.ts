import { fail, nameOf, quote } from '../errors/errors.js';

export type BatchProvider = 'anthropic' | 'openai';

/** A request as the providers' batches have it; `custom_id` is whoever wants its result. */
export type BatchRequest =
  | { readonly custom_id?: string; readonly params: object }
  | {
      readonly custom_id?: string;
      readonly method?: 'POST';
      readonly url: string;
      readonly body: object;
    };

export interface BatchLimits {
  readonly maxRequests: number;
  readonly maxBytes: number;
}

/**
 * As documented by the providers in 2026, with a megabyte the smaller of the two that it may be.
 * https://platform.claude.com/docs/en/build-with-claude/batch-processing and
 * https://platform.openai.com/docs/api-reference/batch/create
 */
export const LIMITS: Readonly<Record<BatchProvider, BatchLimits>> = {
  anthropic: { maxRequests: 100_000, maxBytes: 256e6 },
  openai: { maxRequests: 50_000, maxBytes: 200e6 },
};

const EMBEDDINGS = '/v1/embeddings';
const MESSAGES = '/v1/messages';

/** What of a request decides where it goes, and into which batch. */
export interface Route {
  readonly url: string;
  /** Requests of different groups may not share a batch. */
  readonly group: string;
  /** How much of `maxRequests` it takes. */
  readonly weight: number;
}

/** The member of a request that holds what the API is asked. */
export const BODY_OF = { anthropic: 'params', openai: 'body' } as const;

/** The body of a request and where it goes. `what` names the request in messages. */
export function readRequest(
  request: unknown,
  provider: BatchProvider,
  what: string,
): { readonly requester: string | undefined; readonly body: object; readonly route: Route } {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    refuse(TypeError, what, `it is ${nameOf(request)}, wanted an object`);
  }
  const {
    custom_id: requester,
    method = 'POST',
    url,
    ...more
  } = request as Record<string, unknown>;
  if (requester !== undefined && typeof requester !== 'string') {
    refuse(TypeError, what, `custom_id is ${nameOf(requester)}, wanted text`);
  }
  const name = BODY_OF[provider];
  const body = more[name];
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    refuse(TypeError, what, `${name} is ${said(body)}, wanted the request that ${provider} takes`);
  }
  if (provider === 'anthropic') {
    return { requester, body, route: { url: MESSAGES, group: '', weight: 1 } };
  }
  if (method !== 'POST') refuse(RangeError, what, 'method is not "POST", the only one in a batch');
  if (typeof url !== 'string' || !url.startsWith('/')) {
    refuse(
      TypeError,
      what,
      `url is ${typeof url === 'string' ? quote(url) : said(url)}, wanted a path such as "/v1/chat/completions"`,
    );
  }
  return { requester, body, route: openaiRoute(url, body) };
}

const said = (value: unknown) => (value === undefined ? 'missing' : nameOf(value));

function refuse(Class: new (message: string) => Error, what: string, why: string): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot plan ${what}: ${why}`);
}

/** A file is for one URL and one model; of embeddings it is the inputs that are counted. */
function openaiRoute(url: string, body: object): Route {
  const { model, input } = body as { readonly model?: unknown; readonly input?: unknown };
  const weight =
    url === EMBEDDINGS && Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
  return { url, group: `${url} ${JSON.stringify(model) ?? ''}`, weight: Math.max(1, weight) };
}

/** A request as a line of a provider's batch. `body` is JSON text, and stays as it is. */
export function requestLine(
  provider: BatchProvider,
  customId: string,
  url: string,
  body: string,
): string {
  return provider === 'anthropic'
    ? `{"custom_id":"${customId}","params":${body}}`
    : `{"custom_id":"${customId}","method":"POST","url":${JSON.stringify(url)},"body":${body}}`;
}

/** The bytes of such a line without its body, at most. */
export const lineOverheadBytes = (url: string) => 160 + url.length;

/** Refuses a request that no batch would take. */
export function requireFit(
  what: string,
  { weight }: Route,
  byteCount: number,
  { maxBytes, maxRequests }: BatchLimits,
): void {
  if (byteCount <= maxBytes && weight <= maxRequests) return;
  fail(
    RangeError,
    'SAMEKEY_TOO_LONG',
    byteCount > maxBytes
      ? `Cannot plan ${what}: it has ${byteCount} bytes, wanted at most ${maxBytes} in a batch`
      : `Cannot plan ${what}: it has ${weight} inputs, wanted at most ${maxRequests} in a batch`,
  );
}
