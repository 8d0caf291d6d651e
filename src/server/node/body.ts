import { CollectedBytes } from '../../response/collected-bytes.js';
import { hasBody, type NodeRequest } from './http.js';
import { hasReceivedAll } from './private-members.js';

/** How many bytes were read of a request and put back. A member costs a tenth of a `WeakMap`. */
const PEEKED = Symbol('samekey.peeked');

type PeekedRequest = NodeRequest & { [PEEKED]?: number };

/**
 * Reads the body of a request and puts it back, so that the handler reads it as if it were unread.
 * Returns `undefined` if it is longer than `maxBytes`. Rejects if the client disconnects before the
 * whole body has arrived.
 */
export async function peekBody(
  request: PeekedRequest,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (!hasBody(request) || request[PEEKED] === 0) return new Uint8Array();
  return new Promise((resolve, reject) => {
    const collected = new CollectedBytes();
    const settle = (act: () => void) => {
      request.off('readable', onReadable);
      request.off('close', onClose);
      request.off('error', onClose);
      act();
    };
    const onClose = (error?: unknown) =>
      settle(() => reject(error ?? new Error('The client has disconnected')));
    const onReadable = () => {
      for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
        collected.add(chunk as Uint8Array);
        if (collected.byteCount <= maxBytes) continue;
        settle(() => resolve(undefined));
        // A client that is still sending reads the response only after its body has been read.
        request.resume();
        return;
      }
      if (!hasArrived(request)) return;
      const body = collected.whole();
      // Before the next turn of the event loop, in which the stream would have ended.
      if (body.length > 0) request.unshift(body);
      request[PEEKED] = body.length;
      settle(() => resolve(body));
    };
    request.on('readable', onReadable);
    request.on('close', onClose);
    request.on('error', onClose);
  });
}

/** Whether all that was read of a request was put back by `peekBody`, and nobody has read since. */
export const isPeeked = (request: PeekedRequest): boolean =>
  !request.readableEnded && request[PEEKED] === request.readableLength;

/** In HTTP/2 `complete` becomes true only when it is too late to put the body back. */
const hasArrived = (request: NodeRequest) => request.complete || hasReceivedAll(request);
