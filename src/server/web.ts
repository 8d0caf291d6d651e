/** `samekey/server`: a handler that processes the same request at most once. */
import { fail, nameOf } from '../errors/errors.js';
import type { ServerControls, ServerOptions } from './options.js';
import { readBody } from './payload.js';
import { Gate } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/key-header.js';
export type { ResponseInfo } from '../response/arriving-response.js';
export type { ServerControls, ServerOptions } from './options.js';

/** A handler as Deno, Bun, Workers and the routes of many frameworks have it. */
export type WebHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>;

/** A handler that processes the same request at most once. */
export interface IdempotentHandler<Rest extends readonly unknown[]> extends ServerControls {
  (request: Request, ...rest: Rest): Promise<Response>;
}

/**
 * Returns the handler as one that processes the same request at most once, in this process and all
 * that share the store, and gives its response to every duplicate: while it is being made, or from
 * the store later. Which requests are the same, their `Idempotency-Key` says
 * (draft-ietf-httpapi-idempotency-key-header-07).
 *
 * A key that is malformed, or missing where it is `required`, is answered with 400, one that was
 * used for something else with 422, one whose first request is not done after `waitMs` with 409.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * let orders = 0;
 * const handler = idempotent(async () => Response.json({ order: ++orders }), {
 *   store: memoryStore(),
 * });
 * const post = (key, body) =>
 *   handler(
 *     new Request('https://shop.example/orders', {
 *       method: 'POST',
 *       headers: { 'idempotency-key': key, 'content-type': 'application/json' },
 *       body,
 *     }),
 *   );
 * await (await post('a', '{"item":1}')).json(); // { order: 1 }
 * await (await post('a', '{ "item": 1.0 }')).json(); // { order: 1 }
 * (await post('a', '{"item":2}')).status; // 422
 */
export function idempotent<Rest extends readonly unknown[]>(
  handler: WebHandler<Rest>,
  options: ServerOptions<Request>,
): IdempotentHandler<Rest> {
  const gate = new Gate(options);
  return Object.assign(async (request: Request, ...rest: Rest): Promise<Response> => {
    const { method, headers } = request;
    const head = () => ({ method, headers, url: pathOf(request.url) });
    const admission = gate.admit(request, head, method);
    if (admission === undefined) return handler(request, ...rest);
    if (admission instanceof Response) return admission;
    const body = await readBody(request, gate.maxBodyBytes);
    if (body === undefined) return gate.tooLarge();
    return answerWeb(request.signal, () =>
      gate.answer(admission, {
        payload: { body },
        signal: request.signal,
        onStart: waitUntilOf(rest),
        run: async (signal) => made(await handler(withBody(request, body, signal), ...rest)),
      }),
    );
  }, gate.controls);
}

/** What a handler gave, which may have forgotten to. */
function made(response: Response): Response {
  if (typeof response?.status === 'number') return response;
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot answer the request: the handler gave ${nameOf(response)}, wanted a Response`,
  );
}

/** The request once more, with a body that was not read, and without its client's signal. */
export function withBody(request: Request, body: Uint8Array, signal: AbortSignal): Request {
  return new Request(request, { signal, ...(request.body && { body: body as BodyInit }) });
}

/** A client that is gone reads nothing, so that it does not matter what; proxies log it as 499. */
export async function answerWeb(
  signal: AbortSignal,
  answer: () => Promise<Response>,
): Promise<Response> {
  try {
    return await answer();
  } catch (error) {
    if (signal.aborted && error === signal.reason) return new Response(null, { status: 499 });
    throw error;
  }
}

/** Path and query. */
export function pathOf(address: string): string {
  const { pathname, search } = new URL(address);
  return pathname + search;
}

/** Where the platform ends what nobody waits for any longer, it is told that there is more to do. */
function waitUntilOf(rest: readonly unknown[]): ((settled: Promise<void>) => void) | undefined {
  const context = rest.find(
    (each): each is { waitUntil(promise: Promise<unknown>): void } =>
      typeof (each as { waitUntil?: unknown } | null | undefined)?.waitUntil === 'function',
  );
  return context && ((settled) => context.waitUntil(settled));
}
