/** `samekey/express`: a middleware for Express that processes the same request at most once. */
import type { NodeRequest, NodeResponse } from './node/http.js';
import { headOf, type NodeProcessing, parsedBodyOf, seenOnce, serveNode } from './node/serve.js';
import type { IdempotencyState, ServerControls, ServerOptions } from './options.js';
import { IdempotencyRules } from './rules.js';

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

declare global {
  namespace Express {
    interface Request {
      /** What samekey knows of the request. `undefined` if it passes, or was refused before its key was known. */
      idempotency?: IdempotencyState | undefined;
    }
  }
}

/** A middleware for Express 4 and 5, and for others that call `(request, response, next)`. */
export interface ExpressIdempotency<Incoming extends NodeRequest> extends ServerControls {
  (request: Incoming, response: NodeResponse, next: (error?: unknown) => void): void;
}

/**
 * Returns a middleware for Express that processes the same request at most once, by the rules of
 * `idempotent` in `samekey/server`.
 *
 * Use it before or after a body parser: the body stays readable. Every waiting duplicate receives
 * the response while the handler writes it.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * import express from 'express';
 * let orders = 0;
 * const app = express().use(expressIdempotency({ store: memoryStore() }));
 * app.post('/orders', (request, response) => response.json({ order: ++orders }));
 * const server = app.listen(0);
 * await new Promise((resolve) => server.once('listening', resolve));
 * const address = `http://localhost:${server.address().port}/orders`;
 * const post = () => fetch(address, { method: 'POST', headers: { 'idempotency-key': 'a' } });
 * await (await post()).json(); // { order: 1 }
 * await (await post()).json(); // { order: 1 }
 * await new Promise((resolve) => server.close(resolve));
 */
export function expressIdempotency<Incoming extends NodeRequest = NodeRequest>(
  options: ServerOptions<Incoming>,
): ExpressIdempotency<Incoming> {
  const rules = new IdempotencyRules(options, 'expressIdempotency');
  const hasSeen = seenOnce();
  const middleware = (
    request: Incoming,
    response: NodeResponse,
    next: (error?: unknown) => void,
  ): void => {
    const decision = rules.decide(request, request.method ?? '', headOf(request));
    // A second use of the middleware on one request would wait for the first: a deadlock.
    if (decision.type === 'pass' || hasSeen(request)) {
      next();
      return;
    }
    serveNode(rules, decision, new ExpressProcessing(request, response, next));
  };
  return Object.assign(middleware, rules.controls);
}

class ExpressProcessing implements NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  readonly #next: (error?: unknown) => void;

  constructor(from: NodeRequest, to: NodeResponse, next: (error?: unknown) => void) {
    this.from = from;
    this.to = to;
    this.#next = next;
  }

  parsed(): unknown {
    return parsedBodyOf(this.from);
  }

  onState(state: IdempotencyState): void {
    (this.from as { idempotency?: IdempotencyState }).idempotency = state;
  }

  proceed(): void {
    this.#next();
  }

  fail(error: unknown): void {
    this.#next(error);
  }
}
