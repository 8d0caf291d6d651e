import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { own } from '../options/own.js';
import { hasNoBody } from '../request/status.js';
import { sendableReason } from './client-response.js';
import { endToEndHeaders } from './headers.js';
import { ProxyError } from './proxy-error.js';

/** Decoders for responses that have a coding although the proxy asked for `identity`. */
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * Returns the response as `fetch` does, without the headers of its connection and its coding. Its body is
 * decoded as it arrives, and read no further than it is consumed.
 *
 * @throws {ProxyError} 502 for an unknown status or coding.
 */
export function responseOf(incoming: IncomingMessage): Response {
  const { statusCode = 0, statusMessage = '' } = incoming;
  // An empty one names no coding.
  const coding = incoming.headers['content-encoding']?.trim().toLowerCase() || 'identity';
  const decoder = own(DECODERS, coding);
  if (statusCode < 200 || statusCode > 599 || (decoder === undefined && coding !== 'identity')) {
    throw new ProxyError(
      502,
      'SAMEKEY_BROKEN_RESPONSE',
      decoder === undefined && coding !== 'identity'
        ? `Cannot read the response: its content-encoding is ${coding}, wanted identity, gzip, deflate or br`
        : `Cannot read the response: its status is ${statusCode}, wanted one from 200 to 599`,
    );
  }
  const headers = new Headers();
  for (const [name, value] of endToEndHeaders(incoming)) headers.append(name, value);
  headers.delete('content-encoding');
  // It counts the encoded bytes.
  if (decoder !== undefined) headers.delete('content-length');
  const isEmpty = hasNoBody(statusCode);
  if (isEmpty) incoming.resume();
  return new Response(isEmpty ? null : bodyOf(incoming, decoder?.()), {
    status: statusCode,
    statusText: sendableReason(statusMessage),
    headers,
  });
}

function bodyOf(
  incoming: IncomingMessage,
  decoder: (NodeJS.ReadWriteStream & Readable) | undefined,
): ReadableStream<Uint8Array> {
  const source: Readable = decoder ?? incoming;
  let isOpen = true;
  /** Ends the stream once: a second end would throw. */
  const settle = (act: () => void) => {
    if (isOpen) act();
    isOpen = false;
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        source.on('data', (chunk: Buffer) => {
          if (!isOpen) return;
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) source.pause();
        });
        source.on('end', () => settle(() => controller.close()));
        source.on('error', (error) => settle(() => controller.error(incomplete(error))));
        if (decoder !== undefined) pipeline(incoming, decoder, () => {});
        source.pause();
        // Its head and its end came together.
        if (incoming.readableEnded) settle(() => controller.close());
      },
      pull() {
        source.resume();
      },
      cancel() {
        settle(() => incoming.destroy());
      },
    },
    // Reads from the connection only when the body is read.
    { highWaterMark: 0 },
  );
}

const incomplete = (error: Error) =>
  new ProxyError(
    502,
    'SAMEKEY_BROKEN_RESPONSE',
    `Cannot read the response to its end: ${error.message}`,
    error,
  );
