/** `samekey/koa`: a middleware for Koa that processes the same request at most once. */
import type { ResponseData } from '../response/response-data.js';
import type { NodeRequest, NodeResponse } from './node/http.js';
import { ON_FINISHED } from './node/private-members.js';
import { headOf, type NodeProcessing, parsedBodyOf, seenOnce, serveNode } from './node/serve.js';
import type { IdempotencyState, ServerControls, ServerOptions } from './options.js';
import { BODY_HEADERS, IdempotencyRules } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/storable.js';
export type { NodeRequest, NodeResponse } from './node/http.js';
export type {
  IdempotencyOutcome,
  IdempotencyState,
  ServerControls,
  ServerOptions,
} from './options.js';
export type { ServerProblem } from './problem.js';
export type { ErrorAnswer } from './refusals.js';

/** The one class of bytes that Koa sends as they are. */
declare const Buffer: {
  from(bytes: ArrayBufferLike, offset: number, length: number): Uint8Array;
};

/** The part of Koa's context that the middleware uses. */
export interface KoaContextLike {
  /** The application. */
  // biome-ignore lint/suspicious/noExplicitAny: its `handleRequest` is not in the types of Koa.
  readonly app: any;
  /** The request of `node:http`. */
  readonly req: NodeRequest;
  /** The response of `node:http`. */
  readonly res: NodeResponse;
  /** The request of Koa, on which a body parser leaves the body. */
  readonly request: object;
  /** What middleware shares with the handler. */
  readonly state: object;
  /** The HTTP status. */
  status: number;
  /** The reason phrase beside the status. */
  message: string;
  /** The body of the response. */
  body: unknown;
  /** Whether Koa writes the response. `false` if the handler does. */
  respond?: boolean | undefined;
}

/** The member of `ctx.state` that the middleware sets, for `new Koa<…>()`. */
export interface KoaIdempotencyState {
  /** What is known of the request. `undefined` if it passes, or was refused before its key was known. */
  idempotency?: IdempotencyState | undefined;
}

/** A middleware for Koa 2 and 3. */
export interface KoaIdempotency<Context extends KoaContextLike> extends ServerControls {
  (context: Context, next: () => Promise<unknown>): Promise<void>;
}

/**
 * Returns a middleware for Koa that processes the same request at most once, by the rules of
 * `idempotent` in `samekey/server`.
 *
 * Use it before or after a body parser: the body stays readable. Middleware outside of it, such as a
 * compression, sees every response. An error that the handler throws reaches it once for every client.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * import Koa from 'koa';
 * let orders = 0;
 * const app = new Koa();
 * app.use(koaIdempotency({ store: memoryStore() }));
 * app.use((ctx) => {
 *   ctx.body = { order: ++orders };
 * });
 * const server = app.listen(0);
 * await new Promise((resolve) => server.once('listening', resolve));
 * const address = `http://localhost:${server.address().port}/orders`;
 * const post = () => fetch(address, { method: 'POST', headers: { 'idempotency-key': 'a' } });
 * await (await post()).json(); // { order: 1 }
 * await (await post()).json(); // { order: 1 }
 * await new Promise((resolve) => server.close(resolve));
 */
export function koaIdempotency<Context extends KoaContextLike = KoaContextLike>(
  options: ServerOptions<Context>,
): KoaIdempotency<Context> {
  const rules = new IdempotencyRules(options, 'koaIdempotency');
  const hasSeen = seenOnce();
  const middleware = async (context: Context, next: () => Promise<unknown>): Promise<void> => {
    const { req } = context;
    const decision = rules.decide(context, req.method ?? '', headOf(req));
    // A second use of the middleware on one request would wait for the first: a deadlock.
    if (decision.type === 'pass' || hasSeen(req)) {
      await next();
      return;
    }
    const processing = new KoaProcessing(context, next);
    serveNode(rules, decision, processing);
    await processing.done;
  };
  return Object.assign(middleware, rules.controls);
}

/**
 * Koa writes a response when all middleware has returned. So this middleware lets Koa write it earlier,
 * to the capture, and sets the captured response on the context of each client: what outer middleware
 * does to it, such as a compression, is done for that client alone.
 */
class KoaProcessing implements NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  /** Resolves when the middleware may return. */
  readonly done: Promise<void>;
  readonly #context: KoaContextLike;
  readonly #next: () => Promise<unknown>;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  /** The handler, from when it is called. */
  #running: Promise<void> = Promise.resolve();

  constructor(context: KoaContextLike, next: () => Promise<unknown>) {
    this.from = context.req;
    this.to = context.res;
    this.#context = context;
    this.#next = next;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  parsed(): unknown {
    return parsedBodyOf(this.#context.request);
  }

  onState(state: IdempotencyState): void {
    (this.#context.state as KoaIdempotencyState).idempotency = state;
  }

  proceed(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  /** Runs the handler, and writes its response as the application does. */
  async #run(): Promise<void> {
    const context = this.#context;
    const { statusCode } = this.to;
    // What outer middleware has registered hears of the disconnect that is hidden from the handler.
    // Without this, the handler's functions would be called together with them.
    (this.to as { [ON_FINISHED]?: unknown })[ON_FINISHED] = undefined;
    let failure: { readonly error: unknown } | undefined;
    const { respond } = context;
    await context.app.handleRequest(context, async () => {
      // `handleRequest` has set it to 404.
      this.to.statusCode = statusCode;
      try {
        await this.#next();
      } catch (error) {
        failure = { error };
        // The error is for outer middleware, which would not get it from `handleRequest`.
        context.respond = false;
      }
    });
    if (failure === undefined) {
      this.#endWith(context.body);
      return;
    }
    if (respond === undefined) delete context.respond;
    else context.respond = respond;
    throw failure.error;
  }

  /** Koa 2 leaves a response open whose stream has failed or was destroyed: its clients would wait. */
  #endWith(body: unknown): void {
    if (!isReadable(body)) return;
    const end = (error?: Error) => {
      if (!body.readableEnded && !this.to.writableEnded) this.to.destroy(error);
    };
    if (body.destroyed) end();
    else body.once('error', end).once('close', () => end());
  }

  send(response: ResponseData): void {
    const context = this.#context;
    const { status, statusText, body } = response;
    // A handler that has written its response itself.
    context.respond = true;
    // First: it sets a status and a type of its own.
    context.body = body instanceof Uint8Array ? asBuffer(body) : null;
    context.status = status;
    if (statusText !== '' && this.from.stream === undefined) context.message = statusText;
    this.#setHeaders(response);
    this.#resolve();
  }

  #setHeaders({ headers, body }: ResponseData): void {
    const { to } = this;
    const names = new Set(headers.map(([name]) => name));
    for (const name of BODY_HEADERS) {
      const isLength = name === 'content-length' && body instanceof Uint8Array;
      if (!names.has(name) && !isLength) to.removeHeader(name);
    }
    const cookies = headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value);
    if (cookies.length > 0) to.setHeader('set-cookie', cookies);
    for (const [name, value] of headers) if (name !== 'set-cookie') to.setHeader(name, value);
  }

  /** The response still arrives, or the handler of this client still runs. */
  onWrite(): void {
    this.#settle();
  }

  onDisconnect(): void {
    this.#settle();
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  /** Outer middleware must not change the response while the handler writes it. */
  #settle(): void {
    const settle = () => {
      this.#context.respond = false;
      this.#resolve();
    };
    this.#running.then(settle, settle);
  }
}

/** The part of a stream of Node.js that the middleware uses. */
interface Readable {
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  once(event: string, listener: (error?: Error) => void): Readable;
}

const isReadable = (body: unknown): body is Readable =>
  typeof body === 'object' && body !== null && 'readableEnded' in body && 'once' in body;

const asBuffer = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length);
