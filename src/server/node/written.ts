import { encoder } from '../../engine/utf8.js';
import { nameOf } from '../../errors/errors.js';
import type { NodeResponse } from './http.js';

/** Only Node knows encodings such as `latin1` and `base64`. */
declare const Buffer: { from(text: string, encoding: string): Uint8Array };

/** Whether the headers say where the body ends. */
export const hasBodyLength = (headers: Headers) =>
  headers.has('content-length') || headers.has('transfer-encoding');

/** Converts the headers that were set on a response. */
export function headersSet(set: ReturnType<NodeResponse['getHeaders']>): Headers {
  const headers = new Headers();
  setHeaders(headers, set);
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

/** Returns a copy, because the writer may reuse its memory. */
export function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return new Uint8Array(chunk);
  // As Node does. `new Uint8Array(5)` would be five zeros.
  if (typeof chunk !== 'string') {
    throw Object.assign(
      new TypeError(`Cannot write ${nameOf(chunk)} as a response: wanted text or a Uint8Array`),
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  if (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding)) return encoder.encode(chunk);
  return Buffer.from(chunk, encoding);
}
