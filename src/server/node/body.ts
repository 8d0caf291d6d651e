import { joinChunks } from '../../response/chunks.js';
import { hasBody, type NodeRequest } from './http.js';
import { hasReceivedAll } from './private-members.js';

/**
 * Reads the body of a request and puts it back, so that the handler reads it as if it were unread.
 * Returns `undefined` if it is longer than `maxBytes`. Rejects if the client disconnects before the
 * whole body has arrived.
 */
export async function peekBody(
  request: NodeRequest,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (!hasBody(request)) return new Uint8Array();
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let byteCount = 0;
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
        chunks.push(chunk as Uint8Array);
        byteCount += (chunk as Uint8Array).length;
        if (byteCount <= maxBytes) continue;
        settle(() => resolve(undefined));
        // A client that is still sending reads the response only after its body has been read.
        request.resume();
        return;
      }
      if (!hasArrived(request)) return;
      const body = joinChunks(chunks, byteCount);
      // Before the next turn of the event loop, in which the stream would have ended.
      if (byteCount > 0) request.unshift(body);
      settle(() => resolve(body));
    };
    request.on('readable', onReadable);
    request.on('close', onClose);
    request.on('error', onClose);
  });
}

/** In HTTP/2 `complete` becomes true only when it is too late to put the body back. */
const hasArrived = (request: NodeRequest) => request.complete || hasReceivedAll(request);
