import type { IncomingMessage } from 'node:http';
import { ProxyError } from './proxy-error.js';

/** How long a client whose body is refused may go on sending before it is cut off. */
const LINGER_MS = 5000;

/**
 * Returns the whole body.
 *
 * @throws {ProxyError} 413 for a longer one than that, 400 for one whose client hung up.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer<ArrayBuffer>> {
  refuseLong(request, maxBytes);
  const chunks: Buffer[] = [];
  let byteCount = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      byteCount += chunk.length;
      if (byteCount > maxBytes) throw tooLong(request, maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    throw new ProxyError(
      400,
      'SAMEKEY_BROKEN_RESPONSE',
      'Cannot read the request: its client went away in the middle of it',
      error,
    );
  }
  return Buffer.concat(chunks);
}

/** Refuses what says itself that it is too long, before it is sent. */
export function refuseLong(request: IncomingMessage, maxBytes: number): void {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLong(request, maxBytes);
}

/**
 * Lets the rest of a body that nobody wants go by: a client that is still sending when its connection
 * is closed does not see the answer.
 */
export function discard(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.on('close', () => clearTimeout(timer));
}

function tooLong({ url }: IncomingMessage, maxBytes: number): ProxyError {
  const path = url?.split('?', 1)[0];
  return new ProxyError(
    413,
    'SAMEKEY_TOO_LONG',
    `Cannot make a key of the request to ${path}: its body is longer than ${maxBytes} bytes, wanted a larger --max-body, or --pass ${path}`,
  );
}
