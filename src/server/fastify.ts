/** `samekey/fastify`: a plugin for Fastify that processes the same request at most once. */
import type { NodeRequest, NodeResponse } from './node/http.js';
import { headOf, type NodeProcessing, seenOnce, serveNode } from './node/serve.js';
import type { IdempotencyState, ServerControls, ServerOptions } from './options.js';
import { IdempotencyRules } from './rules.js';

// TypeScript 7 finds the module to which a member is added below only if a file names it.
export type {} from 'fastify';
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

declare module 'fastify' {
  interface FastifyRequest {
    /** What samekey knows of the request. `undefined` if it passes, or was refused before its key was known. */
    idempotency?: IdempotencyState | undefined;
  }
}

/** The part of Fastify's request that the plugin uses. */
export interface FastifyRequestLike {
  /** The request of `node:http`. */
  readonly raw: NodeRequest;
  /** The body as Fastify has parsed it. */
  readonly body: unknown;
  /** What the plugin knows of the request, for hooks and the handler. */
  idempotency?: IdempotencyState | undefined;
}

/** The part of Fastify's reply that the plugin uses. */
export interface FastifyReplyLike {
  /** The response of `node:http`. */
  readonly raw: NodeResponse;
  /** Tells Fastify that the plugin sends the response itself. */
  hijack(): unknown;
  /** Returns the headers that hooks have set on the reply. */
  getHeaders(): Record<string, number | string | readonly string[] | undefined>;
}

/** The part of a Fastify instance that the plugin uses. */
export interface FastifyLike {
  /** Adds a hook to all routes of the instance. */
  // biome-ignore lint/suspicious/noExplicitAny: a hook is typed by its name.
  addHook(name: any, hook: any): any;
  /** Adds a member to all requests. */
  decorateRequest(name: string, value?: undefined): unknown;
  /** Returns whether requests have such a member. */
  hasRequestDecorator(name: string): boolean;
}

/** A plugin for `fastify.register`. */
export interface FastifyIdempotency extends ServerControls {
  (fastify: FastifyLike): Promise<void>;
}

/**
 * Returns a plugin for Fastify that processes the same request at most once, by the rules of
 * `idempotent` in `samekey/server`, on all routes of the instance that registers it.
 * `fastify.close()` closes the store.
 *
 * The plugin is a `preHandler` hook. Hooks that were added before it run for every request; later
 * hooks and the handler run once.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * import { fastify } from 'fastify';
 * const app = fastify();
 * await app.register(fastifyIdempotency({ store: memoryStore() }));
 * let orders = 0;
 * app.post('/orders', async () => ({ order: ++orders }));
 * const post = () =>
 *   app.inject({ method: 'POST', url: '/orders', headers: { 'idempotency-key': 'a' }, payload: {} });
 * (await post()).json(); // { order: 1 }
 * (await post()).json(); // { order: 1 }
 * await app.close();
 */
export function fastifyIdempotency<Incoming extends FastifyRequestLike = FastifyRequestLike>(
  options: ServerOptions<Incoming>,
): FastifyIdempotency {
  const rules = new IdempotencyRules(options, 'fastifyIdempotency');
  const hasSeen = seenOnce();
  const plugin = async (fastify: FastifyLike): Promise<void> => {
    // Requests that have the member from the beginning keep one hidden class.
    if (!fastify.hasRequestDecorator('idempotency')) fastify.decorateRequest('idempotency');
    fastify.addHook(
      'preHandler',
      (request: Incoming, reply: FastifyReplyLike, done: (error?: unknown) => void) => {
        const { raw } = request;
        const decision = rules.decide(request, raw.method ?? '', headOf(raw));
        // `reply.callNotFound()` runs the hooks again, which would wait for the first run: a deadlock.
        if (decision.type === 'pass' || hasSeen(raw)) return done();
        serveNode(rules, decision, new FastifyProcessing(request, reply, done));
      },
    );
    fastify.addHook('onClose', async () => rules.controls.close());
  };
  return Object.assign(plugin, rules.controls, {
    // As `fastify-plugin` does: the hooks belong to the instance itself, not to a child of it.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'samekey',
    [Symbol.for('plugin-meta')]: { name: 'samekey', fastify: '>=5' },
  });
}

class FastifyProcessing implements NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  readonly #request: FastifyRequestLike;
  readonly #reply: FastifyReplyLike;
  readonly #done: (error?: unknown) => void;

  constructor(
    request: FastifyRequestLike,
    reply: FastifyReplyLike,
    done: (error?: unknown) => void,
  ) {
    this.from = request.raw;
    this.to = reply.raw;
    this.#request = request;
    this.#reply = reply;
    this.#done = done;
  }

  parsed(): unknown {
    return this.#request.body;
  }

  onState(state: IdempotencyState): void {
    this.#request.idempotency = state;
  }

  proceed(): void {
    this.#done();
  }

  fail(error: unknown): void {
    this.#done(error);
  }

  headersBefore(): ReturnType<NodeResponse['getHeaders']> {
    return this.#reply.getHeaders();
  }

  onReplay(): void {
    this.#reply.hijack();
    // Set by earlier hooks for this request.
    for (const [name, value] of Object.entries(this.#reply.getHeaders())) {
      if (value !== undefined) this.to.setHeader(name, value);
    }
  }
}
