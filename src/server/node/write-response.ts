import { headerIn, type ResponseData } from '../../response/response-data.js';
import { BODY_HEADERS } from '../rules.js';
import type { Capture } from './capture.js';
import type { NodeResponse } from './http.js';
import type { Wire } from './wire.js';
import { hasBodyLength, joined } from './written.js';

const FRAMING = ['transfer-encoding', 'trailer'];

/** A longer body is not copied. */
const MAX_TEXT_BYTES = 16 * 1024;

/** Only Node has `latin1Slice`, which is the fastest way from bytes to text. */
type NodeBytes = { latin1Slice(this: Uint8Array, start: number, end: number): string };
declare const Buffer: { readonly prototype: NodeBytes } | undefined;
const latin1Slice = typeof Buffer === 'undefined' ? undefined : Buffer.prototype.latin1Slice;

/**
 * Writes a response: at once if its body is whole, otherwise as fast as it arrives and the client reads it.
 *
 * @param takesText Whether Node's own functions write it, over HTTP/1. They send the head and a text in
 * one piece, but the head and bytes in two, which takes 5 µs more.
 */
export async function writeResponse(
  response: ResponseData,
  to: NodeResponse,
  capture: Capture | undefined,
  takesText: boolean,
): Promise<void> {
  const wire: Wire = capture?.wire ?? to;
  const { status, statusText, headers, body } = response;
  const there = to.getHeaders();
  // Headers of another body are removed, but only those that are set: Node never adds a header by
  // itself after `removeHeader` was called for it.
  for (const name in there) {
    if (BODY_HEADERS.has(name) && headerIn(headers, name) === null) to.removeHeader(name);
  }
  const cookies: string[] = [];
  for (const [name, value] of headers) {
    if (name === 'set-cookie') cookies.push(value);
    // What the handler has set keeps the spelling of its name, and its lines.
    else if (there[name] === undefined || joined(there[name]) !== value) to.setHeader(name, value);
  }
  if (cookies.length > 0) to.setHeader('set-cookie', cookies);
  if (statusText !== '') to.statusMessage = statusText;
  // What the handler wrote is framed as the handler framed it: in chunks, if it has trailers. A stored body
  // of no bytes may be that of a HEAD or a 304, which announce a length that is not theirs.
  const isRepeated = capture === undefined && body instanceof Uint8Array && body.length > 0;
  if (isRepeated && !hasBodyLength(headers) && !FRAMING.some((name) => there[name] !== undefined)) {
    to.setHeader('content-length', body.length);
  }
  wire.writeHead(status);
  if (body === null || (body instanceof Uint8Array && body.length === 0)) {
    wire.end();
    return;
  }
  if (body instanceof Uint8Array) {
    if (takesText && latin1Slice !== undefined && body.length <= MAX_TEXT_BYTES) {
      wire.end(latin1Slice.call(body, 0, body.length), 'latin1');
    } else {
      wire.end(body);
    }
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

/** Resolves when the response accepts more data, or is closed. */
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
