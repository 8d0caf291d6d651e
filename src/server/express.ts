/** `samekey/express`: a middleware by which the same request is processed at most once. */

import type { NodeRequest, NodeResponse } from './node/http.js';
import { headOf, serveNode } from './node/serve.js';
import type { ServerControls, ServerOptions } from './options.js';
import { Gate } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/key-header.js';
export type { ResponseInfo } from '../response/arriving-response.js';
export type { NodeRequest, NodeResponse } from './node/http.js';
export type { ServerControls, ServerOptions } from './options.js';

/** A middleware of Express 4 and 5, and of whatever else takes `(request, response, next)`. */
export interface ExpressIdempotency<Incoming extends NodeRequest> extends ServerControls {
  (request: Incoming, response: NodeResponse, next: (error?: unknown) => void): void;
}

/**
 * Returns a middleware for Express by which the same request is processed at most once; see
 * `idempotent` of `samekey/server` for what that means.
 *
 * It may stand before a body parser or behind it; the body remains to be read. What the handler
 * writes goes to all who wait as it is written.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * expressIdempotency({ store: {} }); // throws TypeError
 */
export function expressIdempotency<Incoming extends NodeRequest = NodeRequest>(
  options: ServerOptions<Incoming>,
): ExpressIdempotency<Incoming> {
  const gate = new Gate(options);
  /** Requests for which this was asked before: inside of itself it would wait for itself. */
  const asked = new WeakSet<NodeRequest>();
  const middleware = (
    request: Incoming,
    response: NodeResponse,
    next: (error?: unknown) => void,
  ): void => {
    const admission = gate.admit(request, headOf(request), request.method ?? '');
    if (admission === undefined || asked.has(request)) {
      next();
      return;
    }
    asked.add(request);
    serveNode(gate, admission, {
      from: request,
      to: response,
      parsed: () => parsedBodyOf(request),
      proceed: next,
    }).catch(next);
  };
  return Object.assign(middleware, gate.controls);
}

/** What a parser before this has left; files are beside it. */
function parsedBodyOf(request: NodeRequest): unknown {
  const { body, file, files } = request as {
    readonly body?: unknown;
    readonly file?: unknown;
    readonly files?: unknown;
  };
  return file === undefined && files === undefined ? body : undefined;
}
