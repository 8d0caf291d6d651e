import { fail } from '../../errors/errors.js';
import { LazyAbort } from '../../once/abort.js';
import type { ResponseData } from '../../response/response-data.js';
import { type Payload, payloadOfParsed } from '../payload.js';
import type { Decision, IdempotencyRules } from '../rules.js';
import { peekBody } from './body.js';
import { Capture } from './capture.js';
import { keepAsDictionary } from './dictionary.js';
import { HiddenDisconnect } from './disconnect.js';
import { hasBody, NodeHeaders, type NodeRequest, type NodeResponse } from './http.js';
import { writeResponse } from './write-response.js';
import { linesSet } from './written.js';

/** The parts that differ between frameworks. A waiting request holds it, so it is one object without closures. */
export interface NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  /** The value that a body parser made of the body; `undefined` if it does not cover the whole body. */
  parsed(): unknown;
  /** Runs the handler, whose response is captured from then on. */
  proceed(): void;
  /** Headers that were set before for the response, if they are not on `to`. */
  headersBefore?(): ReturnType<NodeResponse['getHeaders']>;
  /** Called before a response is written that the handler did not produce for this request. */
  onReplay?(): void;
}

/** Returns a function that reads the head of a request. */
export const headOf = (from: NodeRequest) => () => ({
  url: from.originalUrl ?? from.url ?? '',
  headers: new NodeHeaders(from),
});

/** Returns a function that tells whether it was called with a request before. */
export function seenOnce(): (from: NodeRequest) => boolean {
  // A member costs a tenth of a `WeakSet`, which the garbage collector visits, too.
  const mark = Symbol('samekey.seen');
  return (from: NodeRequest & { [mark]?: true }) => {
    if (from[mark]) return true;
    keepAsDictionary(from, 'url');
    from[mark] = true;
    return false;
  };
}

/** Answers a request of `node:http`. Rejects with the error that the framework must handle. */
export async function serveNode<Incoming>(
  rules: IdempotencyRules<Incoming>,
  decision: Exclude<Decision, { readonly type: 'pass' }>,
  processing: NodeProcessing,
): Promise<void> {
  const { from, to } = processing;
  // The client disconnected while earlier middleware ran.
  if (to.destroyed) return;
  const client = new LazyAbort();
  let isWritten = false;
  to.on('close', () => {
    if (!isWritten) client.abort(new DOMException('The client has hung up', 'AbortError'));
  });
  let capture: Capture | undefined;
  let hasBegun = false;
  try {
    let response: ResponseData;
    if (decision.type === 'refuse') {
      ({ response } = decision);
    } else {
      const payload = payloadOf(processing, rules.maxBodyBytes);
      const whole = payload instanceof Promise ? await payload : payload;
      if (whole === undefined) {
        response = rules.bodyTooLarge();
      } else {
        const disconnect = HiddenDisconnect.of(from);
        let isFirst = false;
        try {
          response = await rules.respond(decision.request, {
            payload: whole,
            signal: client,
            headersBefore: linesSet(processing.headersBefore?.() ?? to.getHeaders()),
            onStart: () => {
              isFirst = true;
            },
            run: (abort) => {
              capture = new Capture(from, to, disconnect, abort, client.aborted);
              processing.proceed();
              return capture.response;
            },
          });
        } finally {
          // The handler of the first request may still run after its client has disconnected.
          if (capture === undefined && !(isFirst && client.aborted)) disconnect.reveal();
        }
      }
    }
    if (capture === undefined) processing.onReplay?.();
    hasBegun = true;
    const writing = writeResponse(response, from, to, capture);
    if (writing !== undefined) await writing;
    isWritten = true;
  } catch (error) {
    if (client.aborted) return;
    if (capture === undefined && !hasBegun) throw error;
    // The head is sent. Cutting the connection tells the client that the body is incomplete.
    (capture?.wire ?? to).destroy();
  }
}

/** Returns the body, read or unread; `undefined` if it is too large. */
function payloadOf(
  processing: NodeProcessing,
  maxBytes: number,
): Payload | undefined | Promise<Payload | undefined> {
  const { from } = processing;
  if (Number(from.headers['content-length'] ?? 0) > maxBytes) {
    // A client that is still sending reads the response only after its body has been read.
    from.resume();
    return undefined;
  }
  if (!from.readableDidRead) {
    return peekBody(from, maxBytes).then((body) => body && { body });
  }
  const whole = processing.parsed();
  if (whole === undefined && hasBody(from)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot compare requests: the body was read before, and request.body does not contain all of it; wanted this middleware before the one that reads the body, or a parser that sets request.body',
    );
  }
  return payloadOfParsed(whole);
}
