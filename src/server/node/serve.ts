import { fail } from '../../errors/errors.js';
import { LazyAbort } from '../../once/abort.js';
import { type Payload, payloadOfParsed } from '../payload.js';
import { type Admission, type Gate, OF_BODY } from '../rules.js';
import { peekBody } from './body.js';
import { captureResponse, type Wire, wireOf } from './capture.js';
import { HiddenHangUp } from './hang-up.js';
import { hasBody, headersOf, type NodeRequest, type NodeResponse } from './http.js';
import { headersSet } from './written.js';

/** What frameworks differ in. */
export interface NodeProcessing {
  readonly from: NodeRequest;
  readonly to: NodeResponse;
  /** What a body parser made of the body, once it was read; `undefined` if that is not all of it. */
  readonly parsed: () => unknown;
  /** Lets the handler go on, whose response is captured by then. */
  readonly proceed: () => void;
  /** What was set before for the response, if it is not all set on `to`. */
  readonly headersBefore?: () => ReturnType<NodeResponse['getHeaders']>;
  /** Is told before a response is written that is not the handler's own. */
  readonly onForeign?: () => void;
}

/** The head of a request, as the rules look at it. */
export const headOf = (from: NodeRequest) => () => ({
  method: from.method ?? '',
  url: from.originalUrl ?? from.url ?? '',
  headers: headersOf(from),
});

/** Answers an admitted request of `node:http`. Rejects with what is to be told to the framework. */
export async function serveNode<Incoming>(
  gate: Gate<Incoming>,
  admission: Admission | Response,
  { from, to, parsed, proceed, headersBefore, onForeign }: NodeProcessing,
): Promise<void> {
  // Its client has not waited for those before this one.
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
    if (admission instanceof Response) return admission;
    const payload = await payloadOf(from, parsed, gate.maxBodyBytes);
    if (payload === undefined) return gate.tooLarge();
    const hangUp = new HiddenHangUp(from);
    let isFirst = false;
    try {
      return await gate.answer(admission, {
        payload,
        signal: client,
        before: headersSet(headersBefore?.() ?? to.getHeaders()),
        onStart: () => {
          isFirst = true;
        },
        run: (aborted) => {
          hasProceeded = true;
          const response = captureResponse(to, wire, hangUp, aborted);
          proceed();
          return response;
        },
      });
    } finally {
      // Of the first one the handler may still be run, though its client is gone.
      if (!hasProceeded && !(isFirst && client.aborted)) hangUp.show();
    }
  };
  try {
    const response = await answer();
    if (!hasProceeded) onForeign?.();
    hasBegun = true;
    await writeResponse(response, to, wire);
    isWritten = true;
  } catch (error) {
    if (client.aborted) return;
    if (!hasProceeded && !hasBegun) throw error;
    // Too late to say anything but that it is not whole.
    wire.destroy();
  }
}

/** The body, wherever it is by now; `undefined` if it is too large. */
async function payloadOf(
  from: NodeRequest,
  parsed: () => unknown,
  maxBytes: number,
): Promise<Payload | undefined> {
  if (Number(from.headers['content-length'] ?? 0) > maxBytes) {
    // Read on, or a client that is still sending would never come to read the answer.
    from.resume();
    return undefined;
  }
  if (from.readableDidRead) {
    const whole = parsed();
    if (whole === undefined && hasBody(from)) {
      fail(
        TypeError,
        'SAMEKEY_BAD_ARGUMENT',
        'Cannot compare requests: the body was read before, and not all of it is in request.body; wanted this before what reads it, or a parser that leaves it there',
      );
    }
    return payloadOfParsed(whole);
  }
  const body = await peekBody(from, maxBytes);
  return body && { body };
}

/** Writes a response while it comes in, as fast as it is taken. */
async function writeResponse(response: Response, to: NodeResponse, wire: Wire): Promise<void> {
  const { status, statusText, headers, body } = response;
  const there = to.getHeaders();
  // What is left from another body must go; how this one travels, Node knows. Whatever is removed Node does not add by itself, also if it was not there.
  for (const name of OF_BODY) if (there[name] !== undefined) to.removeHeader(name);
  for (const [name, value] of headers) if (name !== 'set-cookie') to.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) to.setHeader('set-cookie', cookies);
  if (statusText !== '') to.statusMessage = statusText;
  wire.writeHead(status);
  if (body === null) {
    wire.end();
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

/** Resolves when more can be written, or it does not matter any longer. */
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
