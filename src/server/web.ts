/** `samekey/server`: a handler that processes the same request at most once. */
import { fail, nameOf } from '../errors/errors.js';
import type { LazyAbort } from '../once/abort.js';
import type { ResponseData } from '../response/response-data.js';
import type { ServerControls, ServerOptions } from './options.js';
import { readBody } from './payload.js';
import { IdempotencyRules } from './rules.js';
import { isPlatformRequest, pathOf, toPlatform, WebProcessing, withBody } from './web-request.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/storable.js';
export type { ServerControls, ServerOptions } from './options.js';
export type { ServerProblem } from './problem.js';
export type { ErrorAnswer } from './refusals.js';

/** A handler as Deno, Bun, Cloudflare Workers and the routes of many frameworks define it. */
export type WebHandler<Rest extends readonly unknown[], Incoming extends Request = Request> = (
  request: Incoming,
  ...rest: Rest
) => Response | Promise<Response>;

/** A handler that processes each request at most once per key. */
export interface IdempotentHandler<
  Rest extends readonly unknown[],
  Incoming extends Request = Request,
> extends ServerControls {
  (request: Incoming, ...rest: Rest): Promise<Response>;
}

/**
 * Returns a handler that runs yours at most once per key, in all processes that share the store.
 * Two requests with the same `Idempotency-Key` are treated as the same request
 * (draft-ietf-httpapi-idempotency-key-header-07). A duplicate receives the response of the first
 * request: while the handler writes it, or later from the store.
 *
 * A malformed key, and a missing one if it is `required`, is answered with 400; a key that was used
 * for another request with 422; a key whose first request is not finished after `waitMs` with 409.
 *
 * The handler gets a copy of the request, with the members that a framework has added to it, and all
 * further arguments.
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
export function idempotent<Rest extends readonly unknown[], Incoming extends Request = Request>(
  handler: WebHandler<Rest, Incoming>,
  options: ServerOptions<Incoming>,
): IdempotentHandler<Rest, Incoming> {
  if (typeof handler !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot make the handler idempotent: it is ${nameOf(handler)}, wanted a function`,
    );
  }
  const rules = new IdempotencyRules<Incoming>(options, 'idempotent');
  /**
   * The platform's requests of running handlers. In Node.js the signal of a request stops following its source
   * when the request is collected as garbage, which happens if a handler uses only `request.signal`.
   */
  const running = new Set<Request>();
  const answer = (request: Incoming, rest: Rest): Response | Promise<Response> => {
    const { method, headers } = request;
    const head = () => ({ headers, url: pathOf(request.url) });
    const decision = rules.decide(request, method, head);
    if (decision.type === 'pass') return handler(request, ...rest);
    if (decision.type === 'refuse') return toPlatform(decision.response);
    return readBody(request, rules.maxBodyBytes).then((body) =>
      body === undefined
        ? toPlatform(rules.bodyTooLarge(decision.request))
        : rules.respond(
            decision.request,
            new HandlerProcessing(request, body, handler, rest, running),
          ),
    );
  };
  // Not an async function: a promise that resolves to another one takes two more turns.
  return Object.assign((request: Incoming, ...rest: Rest): Promise<Response> => {
    try {
      return Promise.resolve(answer(request, rest));
    } catch (error) {
      return Promise.reject(error);
    }
  }, rules.controls);
}

class HandlerProcessing<
  Rest extends readonly unknown[],
  Incoming extends Request,
> extends WebProcessing {
  readonly onStart: ((settled: Promise<void>) => void) | undefined;
  readonly #handler: WebHandler<Rest, Incoming>;
  readonly #rest: Rest;
  readonly #running: Set<Request>;

  constructor(
    request: Incoming,
    body: Uint8Array,
    handler: WebHandler<Rest, Incoming>,
    rest: Rest,
    running: Set<Request>,
  ) {
    super(request, body);
    this.onStart = waitUntilOf(rest);
    this.#handler = handler;
    this.#rest = rest;
    this.#running = running;
  }

  run(abort: LazyAbort): Promise<Response> {
    const ownRequest = withBody(this.request, this.payload.body, abort) as Incoming;
    return isPlatformRequest(ownRequest)
      ? this.#runHeld(ownRequest)
      : Promise.resolve(this.#handler(ownRequest, ...this.#rest));
  }

  async #runHeld(request: Incoming): Promise<Response> {
    this.#running.add(request);
    try {
      return await this.#handler(request, ...this.#rest);
    } finally {
      this.#running.delete(request);
    }
  }

  override read(response: Response): ResponseData {
    return super.read(requireResponse(response));
  }
}

/** A handler may forget to return its response. */
function requireResponse(response: Response): Response {
  if (typeof response?.status === 'number') return response;
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot answer the request: the handler returned ${nameOf(response)}, wanted a Response`,
  );
}

/** The `waitUntil` of a platform that would otherwise stop all work when the response is sent. */
function waitUntilOf(rest: readonly unknown[]): ((settled: Promise<void>) => void) | undefined {
  const context = rest.find(
    (each): each is { waitUntil(promise: Promise<unknown>): void } =>
      typeof (each as { waitUntil?: unknown } | null | undefined)?.waitUntil === 'function',
  );
  return context && ((settled) => context.waitUntil(settled));
}
