import { fail } from '../../errors/errors.js';
import { LazyAbort } from '../../once/abort.js';
import { headerIn, linesOf, type ResponseData } from '../../response/response-data.js';
import { type Payload, payloadOfParsed } from '../payload.js';
import { BODY_HEADERS, type Decision, type IdempotencyRules } from '../rules.js';
import { peekBody } from './body.js';
import { captureResponse, type Wire, wireOf } from './capture.js';
import { HiddenDisconnect } from './disconnect.js';
import { hasBody, headersOf, type NodeRequest, type NodeResponse } from './http.js';
import { headersSet } from './written.js';

/** The parts that differ between frameworks. */
export interface NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  /** The value that a body parser made of the body; `undefined` if it does not cover the whole body. */
  readonly parsed: () => unknown;
  /** Runs the handler, whose response is captured from then on. */
  readonly proceed: () => void;
  /** Headers that were set before for the response, if they are not on `to`. */
  readonly headersBefore?: () => ReturnType<NodeResponse['getHeaders']>;
  /** Called before a response is written that the handler did not produce for this request. */
  readonly onReplay?: () => void;
}

/** Returns a function that reads the head of a request. */
export const headOf = (from: NodeRequest) => () => ({
  url: from.originalUrl ?? from.url ?? '',
  headers: headersOf(from),
});

/** Answers a request of `node:http`. Rejects with the error that the framework must handle. */
export async function serveNode<Incoming>(
  rules: IdempotencyRules<Incoming>,
  decision: Exclude<Decision, { readonly type: 'pass' }>,
  { from, to, parsed, proceed, headersBefore, onReplay }: NodeProcessing,
): Promise<void> {
  // The client disconnected while earlier middleware ran.
  if (to.destroyed) return;
  const wire = wireOf(to);
  const client = new LazyAbort();
  let isWritten = false;
  wire.once('close', () => {
    if (!isWritten) client.abort(new DOMException('The client has hung up', 'AbortError'));
  });
  let hasProceeded = false;
  let hasBegun = false;
  const answer = async () => {
    if (decision.type === 'refuse') return decision.response;
    const payload = await payloadOf(from, parsed, rules.maxBodyBytes);
    if (payload === undefined) return rules.bodyTooLarge();
    const disconnect = new HiddenDisconnect(from);
    let isFirst = false;
    try {
      return await rules.respond(decision.request, {
        payload,
        signal: client,
        headersBefore: linesOf(headersSet(headersBefore?.() ?? to.getHeaders())),
        onStart: () => {
          isFirst = true;
        },
        run: (abort) => {
          hasProceeded = true;
          const response = captureResponse(to, wire, disconnect, abort, from.method === 'HEAD');
          proceed();
          return response;
        },
      });
    } finally {
      // The handler of the first request may still run after its client has disconnected.
      if (!hasProceeded && !(isFirst && client.aborted)) disconnect.reveal();
    }
  };
  try {
    const response = await answer();
    if (!hasProceeded) onReplay?.();
    hasBegun = true;
    await writeResponse(response, to, wire);
    isWritten = true;
  } catch (error) {
    if (client.aborted) return;
    if (!hasProceeded && !hasBegun) throw error;
    // The head is sent. Cutting the connection tells the client that the body is incomplete.
    wire.destroy();
  }
}

/** Returns the body, read or unread; `undefined` if it is too large. */
async function payloadOf(
  from: NodeRequest,
  parsed: () => unknown,
  maxBytes: number,
): Promise<Payload | undefined> {
  if (Number(from.headers['content-length'] ?? 0) > maxBytes) {
    // A client that is still sending reads the response only after its body has been read.
    from.resume();
    return undefined;
  }
  if (from.readableDidRead) {
    const whole = parsed();
    if (whole === undefined && hasBody(from)) {
      fail(
        TypeError,
        'SAMEKEY_BAD_ARGUMENT',
        'Cannot compare requests: the body was read before, and request.body does not contain all of it; wanted this middleware before the one that reads the body, or a parser that sets request.body',
      );
    }
    return payloadOfParsed(whole);
  }
  const body = await peekBody(from, maxBytes);
  return body && { body };
}

/** Writes a response while it arrives, as fast as the client reads it. */
async function writeResponse(response: ResponseData, to: NodeResponse, wire: Wire): Promise<void> {
  const { status, statusText, headers, body } = response;
  const there = to.getHeaders();
  // Headers of another body are removed, but only those that are set: Node never adds a header by
  // itself after `removeHeader` was called for it.
  for (const name of BODY_HEADERS) {
    if (there[name] !== undefined && headerIn(headers, name) === null) to.removeHeader(name);
  }
  const cookies: string[] = [];
  for (const [name, value] of headers) {
    if (name === 'set-cookie') cookies.push(value);
    // What the handler has set keeps the spelling of its name, and its lines.
    else if (joined(there[name]) !== value) to.setHeader(name, value);
  }
  if (cookies.length > 0) to.setHeader('set-cookie', cookies);
  if (statusText !== '') to.statusMessage = statusText;
  wire.writeHead(status);
  if (body === null) {
    wire.end();
    return;
  }
  if (body instanceof Uint8Array) {
    endWith(body, to, wire);
    return;
  }
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!wire.write(value)) await drained(wire);
  }
  wire.end();
}

/**
 * Ends a response with a whole body, which Node sends together with the head. `end` of HTTP/2, and of
 * Fastify's `inject`, calls `this.write`, which may be that of a capture.
 */
function endWith(body: Uint8Array, to: NodeResponse, wire: Wire): void {
  const { write } = to;
  to.write = wire.write;
  wire.end(body);
  to.write = write;
}

/** The value of a header as `Headers` joins its lines. */
const joined = (value: ReturnType<NodeResponse['getHeaders']>[string]) =>
  Array.isArray(value) ? value.join(', ') : value === undefined ? undefined : String(value);

/** Resolves when the response accepts more data, or is closed. */
function drained(wire: Wire): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      wire.off('drain', settle);
      wire.off('close', settle);
      resolve();
    };
    wire.on('drain', settle);
    wire.on('close', settle);
  });
}
