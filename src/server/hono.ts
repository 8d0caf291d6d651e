/** `samekey/hono`: a middleware for Hono that processes the same request at most once. */
import { fail } from '../errors/errors.js';
import type { LazyAbort } from '../once/abort.js';
import { type HeaderLine, linesOf } from '../response/response-data.js';
import type { IdempotencyState, ServerControls, ServerOptions } from './options.js';
import { readBody } from './payload.js';
import { IdempotencyRules } from './rules.js';
import { pathOf, toPlatform, WebProcessing, withBody } from './web-request.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/storable.js';
export type {
  IdempotencyOutcome,
  IdempotencyState,
  ServerControls,
  ServerOptions,
} from './options.js';
export type { ServerProblem } from './problem.js';
export type { ErrorAnswer } from './refusals.js';

/** The part of Hono's context that the middleware uses. */
export interface HonoContextLike {
  /** The request. */
  readonly req: {
    /** The `Request` of the platform. The handler gets one whose body is unread. */
    raw: Request;
    /** The HTTP method. */
    readonly method: string;
    /** Reads the body, even if a middleware has read it before. */
    arrayBuffer(): Promise<ArrayBuffer>;
    /** Reads the body as form data, even if a middleware has read it before. */
    formData(): Promise<FormData>;
  };
  /** Whether a handler has responded. */
  finalized: boolean;
  /** The response of the handler. */
  get res(): Response;
  set res(response: Response | undefined);
  /** Sets a variable, which the handler reads by `get`. */
  // biome-ignore lint/suspicious/noExplicitAny: it is typed by the variables of the application.
  readonly set: any;
  /** Keeps the platform awake until a response is stored. Only some platforms have it. */
  readonly executionCtx: {
    /** Keeps the platform awake until the promise is settled. */
    waitUntil(promise: Promise<unknown>): void;
  };
}

/** The variable of Hono's context that the middleware sets, for `new Hono<{ Variables: … }>()`. */
export interface HonoIdempotencyVariables {
  /** What is known of the request. `undefined` if it passes, or was refused before its key was known. */
  idempotency: IdempotencyState | undefined;
}

/** A middleware for Hono. */
export interface HonoIdempotency<Context extends HonoContextLike> extends ServerControls {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>;
}

/**
 * Returns a middleware for Hono that processes the same request at most once, by the rules of
 * `idempotent` in `samekey/server`.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * import { Hono } from 'hono';
 * let orders = 0;
 * const app = new Hono();
 * app.post('/orders', honoIdempotency({ store: memoryStore() }), (c) => c.json({ order: ++orders }));
 * const post = () =>
 *   app.request('/orders', { method: 'POST', headers: { 'idempotency-key': 'a' }, body: '{}' });
 * await (await post()).json(); // { order: 1 }
 * await (await post()).json(); // { order: 1 }
 */
export function honoIdempotency<Context extends HonoContextLike = HonoContextLike>(
  options: ServerOptions<Context>,
): HonoIdempotency<Context> {
  const rules = new IdempotencyRules(options, 'honoIdempotency');
  /** A second use of the middleware on one request would wait for the first: a deadlock. */
  const seen = new WeakSet<Context>();
  const middleware = async (
    context: Context,
    next: () => Promise<void>,
  ): Promise<Response | undefined> => {
    const { raw: request, method } = context.req;
    const head = () => ({ headers: request.headers, url: pathOf(request.url) });
    const decision = rules.decide(context, method, head);
    if (decision.type === 'pass' || seen.has(context)) {
      await next();
      return undefined;
    }
    if (decision.type === 'refuse') return toPlatform(decision.response);
    seen.add(context);
    const body = await bodyOf(context, rules.maxBodyBytes);
    if (body === undefined) return toPlatform(rules.bodyTooLarge(decision.request));
    // Set by outer middleware for this request.
    const headersBefore = linesOf(context.res.headers);
    if (headersBefore.length === 0) {
      // Reading `res` has created a response, from which Hono would copy headers to the handler's. A copy
      // of a `Response` of @hono/node-server has another content type.
      context.res = undefined;
      context.finalized = false;
    }
    const processing = new HonoProcessing(request, body, context, next, headersBefore);
    const response = await rules.respond(decision.request, processing);
    // After the client disconnects the handler continues, and Hono keeps the first response it gets.
    if (processing.signal.aborted) await processing.running?.catch(() => {});
    const names = headersBefore.length > 0 && new Set(response.headers.keys());
    for (const [name, value] of headersBefore)
      if (names && !names.has(name)) response.headers.append(name, value);
    // Hono would otherwise merge the headers of the previous response into this one.
    context.res = undefined;
    context.res = response;
    return undefined;
  };
  return Object.assign(middleware, rules.controls);
}

class HonoProcessing extends WebProcessing {
  readonly headersBefore: readonly HeaderLine[];
  readonly onStart: (settled: Promise<void>) => void;
  /** The handler, from when it is called. */
  running: Promise<Response> | undefined;
  readonly #context: HonoContextLike;
  readonly #next: () => Promise<void>;

  constructor(
    request: Request,
    body: Uint8Array,
    context: HonoContextLike,
    next: () => Promise<void>,
    headersBefore: readonly HeaderLine[],
  ) {
    super(request, body);
    this.headersBefore = headersBefore;
    this.onStart = (settled) => waitUntil(context, settled);
    this.#context = context;
    this.#next = next;
  }

  onState(state: IdempotencyState): void {
    this.#context.set('idempotency', state);
  }

  run(abort: LazyAbort): Promise<Response> {
    this.running = this.#run(abort);
    return this.running;
  }

  async #run(abort: LazyAbort): Promise<Response> {
    const context = this.#context;
    context.req.raw = withBody(this.request, this.payload.body, abort);
    await this.#next();
    // Reading `res` would make a response with status 200.
    if (context.finalized) return context.res;
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot answer the request: the handler returned nothing, wanted a Response',
    );
  }
}

/** Returns the body, even if a validator has read it: Hono caches it. */
async function bodyOf({ req }: HonoContextLike, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!req.raw.bodyUsed) return readBody(req.raw, maxBytes);
  const body = new Uint8Array(await req.arrayBuffer());
  return body.length > maxBytes ? undefined : body;
}

/** Only some platforms have an execution context. */
function waitUntil(context: HonoContextLike, settled: Promise<void>): void {
  try {
    context.executionCtx.waitUntil(settled);
  } catch {
    // Hono throws on the other platforms.
  }
}
