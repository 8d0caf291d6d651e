import type { IncomingMessage } from 'node:http';
import { ProxyError } from './proxy-error.js';
import { pathIn } from './request-target.js';

/** How long a client that is refused may go on sending, or stay, before it is cut off. */
export const LINGER_MS = 5000;

/** Each takes some hundred bytes beside its own, of which there may be one. */
const MOST_CHUNKS = 4096;

/**
 * Returns the whole body.
 *
 * @throws {ProxyError} 413 for a longer one than that, 408 for one that does not come, 400 for one whose
 * client goes away.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  idleMs: number,
): Promise<Buffer<ArrayBuffer>> {
  refuseLong(request, maxBytes);
  const pieces: Buffer[] = [];
  let chunks: Buffer[] = [];
  let byteCount = 0;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.setTimeout(0);
      request.off('data', take).off('end', end).off('error', lose);
      request.on('error', () => {});
      act();
    };
    const take = (chunk: Buffer) => {
      byteCount += chunk.length;
      if (byteCount > maxBytes) {
        settle(() => reject(tooLong(request, maxBytes)));
        return;
      }
      chunks.push(chunk);
      if (chunks.length < MOST_CHUNKS) return;
      pieces.push(Buffer.concat(chunks));
      chunks = [];
    };
    const end = () => settle(() => resolve(Buffer.concat([...pieces, ...chunks])));
    const lose = (error: Error) => settle(() => reject(incomplete(400, 'its client left', error)));
    request.on('data', take).on('end', end).on('error', lose);
    request.setTimeout(idleMs, () =>
      settle(() => reject(incomplete(408, `nothing came for ${idleMs} ms`))),
    );
  });
}

function incomplete(status: number, why: string, cause?: unknown): ProxyError {
  const message = `Cannot read the request: ${why}, wanted all of its body`;
  return new ProxyError(status, 'SAMEKEY_REFUSED', message, cause);
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
  const path = pathIn(url ?? '');
  return new ProxyError(
    413,
    'SAMEKEY_TOO_LONG',
    `Cannot make a key of the request to ${path}: its body is longer than ${maxBytes} bytes, wanted a larger --max-body, or --pass ${path}`,
  );
}
