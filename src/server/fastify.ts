/** `samekey/fastify`: a plugin for Fastify that processes the same request at most once. */
import type { NodeRequest, NodeResponse } from './node/http.js';
import { headOf, type NodeProcessing, seenOnce, serveNode } from './node/serve.js';
import type { ServerControls, ServerOptions } from './options.js';
import { IdempotencyRules } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/arriving-response.js';
export type { NodeRequest, NodeResponse } from './node/http.js';
export type { ServerControls, ServerOptions } from './options.js';

/** The part of Fastify's request that the plugin uses. */
export interface FastifyRequestLike {
  /** The request of `node:http`. */
  readonly raw: NodeRequest;
  /** The body as Fastify has parsed it. */
  readonly body: unknown;
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
