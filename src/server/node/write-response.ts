import { headerIn, type ResponseData } from '../../response/response-data.js';
import { BODY_HEADERS } from '../rules.js';
import type { Capture } from './capture.js';
import type { NodeRequest, NodeResponse } from './http.js';
import type { Wire } from './wire.js';
import { joined } from './written.js';

const FRAMING = ['transfer-encoding', 'trailer'];

/**
 * Writes a response: at once if its body is whole, otherwise as fast as it arrives and the client reads it.
 * Returns `undefined` if it is written.
 */
export function writeResponse(
  response: ResponseData,
  from: NodeRequest,
  to: NodeResponse,
  capture: Capture | undefined,
): Promise<void> | undefined {
  const wire: Wire = capture?.wire ?? to;
  const { status, statusText, headers, body } = response;
  // Headers of another body are removed, but only those that are set: Node never adds a header by
  // itself after `removeHeader` was called for it.
  for (const name of BODY_HEADERS) {
    if (to.hasHeader(name) && headerIn(headers, name) === null) to.removeHeader(name);
  }
  let cookies: string[] | undefined;
  for (const [name, value] of headers) {
    if (name === 'set-cookie') {
      cookies ??= [];
      cookies.push(value);
      continue;
    }
    const there = to.getHeader(name);
    // A header that the handler has set keeps the spelling of its name, and its lines.
    if (there === undefined || joined(there) !== value) to.setHeader(name, value);
  }
  if (cookies !== undefined) to.setHeader('set-cookie', cookies);
  // HTTP/2 knows no status message, and Node warns of a program that sets one.
  if (statusText !== '' && from.stream === undefined) to.statusMessage = statusText;
  // The handler's own response keeps its framing: chunks, if it has trailers. A stored body
  // of no bytes may be that of a HEAD or a 304, which announce a length that is not theirs.
  const isRepeated = capture === undefined && body instanceof Uint8Array && body.length > 0;
  if (isRepeated && !FRAMING.some((name) => to.hasHeader(name))) {
    // With another length, which only another program can have stored, the rest of the body would be
    // the beginning of the next response.
    if (Number(to.getHeader('content-length') ?? -1) !== body.length) {
      to.setHeader('content-length', body.length);
    }
  }
  wire.writeHead(status);
  if (body === null) wire.end();
  else if (body instanceof Uint8Array) wire.end(body);
  else return pipe(body, wire);
  return undefined;
}

async function pipe(body: ReadableStream<Uint8Array>, wire: Wire): Promise<void> {
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
