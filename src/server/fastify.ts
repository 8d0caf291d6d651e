/** `samekey/fastify`: a plugin by which the same request is processed at most once. */

import type { NodeRequest, NodeResponse } from './node/http.js';
import { headOf, serveNode } from './node/serve.js';
import type { ServerControls, ServerOptions } from './options.js';
import { Gate } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/key-header.js';
export type { ResponseInfo } from '../response/arriving-response.js';
export type { NodeRequest, NodeResponse } from './node/http.js';
export type { ServerControls, ServerOptions } from './options.js';

/** What of Fastify's request is needed here. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest;
  readonly body: unknown;
}

/** What of Fastify's reply is needed here. */
export interface FastifyReplyLike {
  readonly raw: NodeResponse;
  hijack(): unknown;
  getHeaders(): Record<string, number | string | readonly string[] | undefined>;
}

/** What of Fastify itself is needed here. */
export interface FastifyLike {
  // biome-ignore lint/suspicious/noExplicitAny: a hook is typed by its name.
  addHook(name: any, hook: any): any;
}

/** A plugin to hand to `fastify.register`. */
export interface FastifyIdempotency extends ServerControls {
  (fastify: FastifyLike): Promise<void>;
}

/**
 * Returns a plugin for Fastify by which the same request is processed at most once, on all routes
 * of the instance that it is registered on; see `idempotent` of `samekey/server` for what that
 * means. `fastify.close()` closes the store.
 *
 * It is a `preHandler` hook: those that were added before it run for every request, the others and
 * the handler once.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * fastifyIdempotency({ store: {} }); // throws TypeError
 */
export function fastifyIdempotency<Incoming extends FastifyRequestLike = FastifyRequestLike>(
  options: ServerOptions<Incoming>,
): FastifyIdempotency {
  const gate = new Gate(options);
  const plugin = async (fastify: FastifyLike): Promise<void> => {
    fastify.addHook(
      'preHandler',
      (request: Incoming, reply: FastifyReplyLike, done: (error?: unknown) => void) => {
        const { raw } = request;
        const admission = gate.admit(request, headOf(raw), raw.method ?? '');
        if (admission === undefined) return done();
        serveNode(gate, admission, {
          from: raw,
          to: reply.raw,
          parsed: () => request.body,
          proceed: done,
          headersBefore: () => reply.getHeaders(),
          onForeign() {
            reply.hijack();
            // What hooks before this have set for this request.
            for (const [name, value] of Object.entries(reply.getHeaders())) {
              if (value !== undefined) reply.raw.setHeader(name, value);
            }
          },
        }).catch(done);
      },
    );
    fastify.addHook('onClose', async () => gate.controls.close());
  };
  return Object.assign(plugin, gate.controls, {
    // As `fastify-plugin` does it: the hooks are those of the instance, not of a child of it.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'samekey',
    [Symbol.for('plugin-meta')]: { name: 'samekey', fastify: '>=5' },
  });
}
