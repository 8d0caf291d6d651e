/** `samekey/hono`: a middleware by which the same request is processed at most once. */

import type { ServerControls, ServerOptions } from './options.js';
import { readBody } from './payload.js';
import { Gate } from './rules.js';
import { answerWeb, pathOf, withBody } from './web.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/key-header.js';
export type { ResponseInfo } from '../response/arriving-response.js';
export type { ServerControls, ServerOptions } from './options.js';

/** What of Hono's context is needed here. */
export interface HonoContextLike {
  readonly req: {
    raw: Request;
    readonly method: string;
    arrayBuffer(): Promise<ArrayBuffer>;
    formData(): Promise<FormData>;
  };
  get res(): Response;
  set res(response: Response | undefined);
  readonly executionCtx: { waitUntil(promise: Promise<unknown>): void };
}

/** A middleware of Hono. */
export interface HonoIdempotency<Context extends HonoContextLike> extends ServerControls {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>;
}

/**
 * Returns a middleware for Hono by which the same request is processed at most once; see
 * `idempotent` of `samekey/server` for what that means.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * honoIdempotency({ store: {} }); // throws TypeError
 */
export function honoIdempotency<Context extends HonoContextLike = HonoContextLike>(
  options: ServerOptions<Context>,
): HonoIdempotency<Context> {
  const gate = new Gate(options);
  /** Requests for which this was asked before: inside of itself it would wait for itself. */
  const asked = new WeakSet<Context>();
  const middleware = async (
    context: Context,
    next: () => Promise<void>,
  ): Promise<Response | undefined> => {
    const { raw: request, method } = context.req;
    const head = () => ({ method, headers: request.headers, url: pathOf(request.url) });
    const admission = gate.admit(context, head, method);
    if (admission === undefined || asked.has(context)) {
      await next();
      return undefined;
    }
    if (admission instanceof Response) return admission;
    asked.add(context);
    const body = await bodyOf(context, gate.maxBodyBytes);
    if (body === undefined) return gate.tooLarge();
    // What middleware before this has set for this request.
    const before = new Headers(context.res.headers);
    let running: Promise<Response> | undefined;
    const run = async (signal: AbortSignal) => {
      context.req.raw = withBody(request, body, signal);
      await next();
      return context.res;
    };
    const response = await answerWeb(request.signal, () =>
      gate.answer(admission, {
        payload: { body },
        signal: request.signal,
        before,
        onStart: (settled) => waitUntil(context, settled),
        run: (signal) => {
          running = run(signal);
          return running;
        },
      }),
    );
    // Of a client that hung up, the handler goes on; and Hono keeps the first response it is given.
    if (request.signal.aborted) await running?.catch(() => {});
    const own = new Set(response.headers.keys());
    for (const [name, value] of before) if (!own.has(name)) response.headers.append(name, value);
    // Without this, what is there would be merged into it, and win.
    context.res = undefined;
    context.res = response;
    return undefined;
  };
  return Object.assign(middleware, gate.controls);
}

/** The body, also where a validator has read it before: Hono keeps what it read. */
async function bodyOf({ req }: HonoContextLike, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!req.raw.bodyUsed) return readBody(req.raw, maxBytes);
  const body = new Uint8Array(await req.arrayBuffer());
  return body.length > maxBytes ? undefined : body;
}

/** Only some platforms have a context that outlives a response. */
function waitUntil(context: HonoContextLike, settled: Promise<void>): void {
  try {
    context.executionCtx.waitUntil(settled);
  } catch {
    // Hono throws where there is none.
  }
}
