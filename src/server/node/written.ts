import { encoder } from '../../engine/utf8.js';
import { nameOf } from '../../errors/errors.js';
import type { NodeResponse } from './http.js';

/** Only Node has these kinds of text. */
declare const Buffer: { from(text: string, encoding: string): Uint8Array };

/** Whether it is said where the body ends. */
export const isMeasured = (headers: Headers) =>
  headers.has('content-length') || headers.has('transfer-encoding');

/** What was set on a response, as Node tells it. */
export function headersSet(there: ReturnType<NodeResponse['getHeaders']>): Headers {
  const headers = new Headers();
  setHeaders(headers, there);
  return headers;
}

/** Sets headers as `writeHead` takes them: an object, or names and values in turn. */
export function setHeaders(headers: Headers, given: unknown): void {
  const pairs = pairsOf(given).filter(([, value]) => value !== undefined);
  for (const [name] of pairs) headers.delete(name);
  // A list may have a name several times.
  for (const [name, value] of pairs) {
    for (const each of Array.isArray(value) ? value : [value]) headers.append(name, String(each));
  }
}

function pairsOf(headers: unknown): (readonly [name: string, value: unknown])[] {
  if (typeof headers !== 'object' || headers === null) return [];
  if (!Array.isArray(headers)) return Object.entries(headers);
  if (Array.isArray(headers[0])) return headers;
  return headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]] as const] : []));
}

/** A copy: whoever wrote it may use its memory again. */
export function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return new Uint8Array(chunk);
  // As Node does it; a number would be that many zeros.
  if (typeof chunk !== 'string') {
    throw Object.assign(
      new TypeError(`Cannot write ${nameOf(chunk)} as a response: wanted text or a Uint8Array`),
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  if (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding)) return encoder.encode(chunk);
  return Buffer.from(chunk, encoding);
}
