import { joinChunks } from '../../response/chunks.js';
import { hasBody, type NodeRequest } from './http.js';

/**
 * Reads the body of a request and puts it back, so that whoever comes after reads it as if nobody
 * had; `undefined` if it is longer than that. Rejects if the client hangs up before all has come.
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
      settle(() => reject(error ?? new Error('The client has hung up')));
    const onReadable = () => {
      for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
        chunks.push(chunk as Uint8Array);
        byteCount += (chunk as Uint8Array).length;
        if (byteCount <= maxBytes) continue;
        settle(() => resolve(undefined));
        // What is still sent is read, or the client would never come to read the answer.
        request.resume();
        return;
      }
      if (!hasAllCome(request)) return;
      const body = joinChunks(chunks, byteCount);
      // In the turn in which the last of it was read: in the next one it would have ended.
      if (byteCount > 0) request.unshift(body);
      settle(() => resolve(body));
    };
    request.on('readable', onReadable);
    request.on('close', onClose);
    request.on('error', onClose);
  });
}

/** HTTP/2 says `complete` only when it is too late to put anything back. */
const hasAllCome = (request: NodeRequest) =>
  request.complete ||
  (request as { _readableState?: { ended?: boolean } })._readableState?.ended === true;
