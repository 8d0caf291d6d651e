import type { IncomingMessage } from 'node:http';
import { CollectedBytes } from '../response/collected-bytes.js';
import { ProxyError } from './proxy-error.js';
import { pathIn } from './request-target.js';

/** How long a refused client may continue to send or stay connected. */
export const LINGER_MS = 5000;

/**
 * Returns the whole body.
 *
 * @throws {ProxyError} 413 if it is longer than `maxBytes`, 408 if no data arrives for `idleMs`, 400 if
 * the client disconnects.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  idleMs: number,
): Promise<Uint8Array<ArrayBuffer>> {
  refuseTooLong(request, maxBytes);
  const collected = new CollectedBytes();
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.setTimeout(0);
      request.off('data', onData).off('end', onEnd).off('error', onError);
      request.on('error', () => {});
      act();
    };
    const onData = (chunk: Buffer) => {
      collected.add(chunk);
      if (collected.byteCount > maxBytes) settle(() => reject(tooLong(request, maxBytes)));
    };
    const onEnd = () => settle(() => resolve(collected.whole() as Uint8Array<ArrayBuffer>));
    const onError = (error: Error) =>
      settle(() => reject(incomplete(400, 'its client has disconnected', error)));
    request.on('data', onData).on('end', onEnd).on('error', onError);
    request.setTimeout(idleMs, () =>
      settle(() => reject(incomplete(408, `no data arrived for ${idleMs} ms`))),
    );
  });
}

function incomplete(status: number, why: string, cause?: unknown): ProxyError {
  const message = `Cannot read the request: ${why}, wanted its whole body`;
  return new ProxyError(status, 'SAMEKEY_REFUSED', message, cause);
}

/** Refuses a request whose `content-length` is too large, before its body is sent. */
export function refuseTooLong(request: IncomingMessage, maxBytes: number): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLong(request, maxBytes);
}

/**
 * Reads and discards the rest of a body. A client that is still sending when its connection is closed
 * does not read the response.
 */
export function discard(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.on('close', () => clearTimeout(timer));
}

function tooLong({ url }: IncomingMessage, maxBytes: number): ProxyError {
  const path = pathIn(url ?? '');
  return new ProxyError(
    413,
    'SAMEKEY_TOO_LONG',
    `Cannot derive a key of the request to ${path}: its body is longer than ${maxBytes} bytes, wanted a larger --max-body, or --pass ${path}`,
  );
}
