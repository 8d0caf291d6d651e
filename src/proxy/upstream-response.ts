import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { hasNoBody } from '../response/status.js';
import { writable } from './client-response.js';
import { ProxyError } from './proxy-error.js';

/** Codings of bodies that come though none was asked for. */
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * Returns the response as `fetch` would give it: its body decoded, each piece in the turn in which it
 * arrives, and no more of it than is asked for.
 *
 * @throws {ProxyError} 502 for a status or a coding that there is not.
 */
export function responseOf(incoming: IncomingMessage): Response {
  const { statusCode = 0, statusMessage = '', rawHeaders } = incoming;
  const coding = incoming.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const decoder = DECODERS[coding];
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
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string);
  }
  const isEmpty = hasNoBody(statusCode);
  if (isEmpty) incoming.resume();
  return new Response(isEmpty ? null : bodyOf(incoming, decoder?.()), {
    status: statusCode,
    statusText: writable(statusMessage),
    headers,
  });
}

function bodyOf(
  incoming: IncomingMessage,
  decoder: (NodeJS.ReadWriteStream & Readable) | undefined,
): ReadableStream<Uint8Array> {
  const source: Readable = decoder ?? incoming;
  let isOpen = true;
  /** Does the last thing that is done to a stream, of which there is one only. */
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
        source.on('error', (error) => settle(() => controller.error(cut(error))));
        if (decoder !== undefined) pipeline(incoming, decoder, () => {});
        source.pause();
      },
      pull() {
        source.resume();
      },
      cancel() {
        settle(() => incoming.destroy());
      },
    },
    // Nothing is taken from the connection before somebody asks.
    { highWaterMark: 0 },
  );
}

const cut = (error: Error) =>
  new ProxyError(
    502,
    'SAMEKEY_BROKEN_RESPONSE',
    `Cannot read the response to its end: ${error.message}`,
    error,
  );
