import { decoder, encoder } from '../engine/utf8.js';
import type { Codec } from '../once/index.js';
import { hasNoBody } from './status.js';

/** The part of a response before its body. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The URL after redirects. It is stored without its query, which may contain credentials. */
  readonly url: string;
}

/** A response as it is stored. */
export interface StoredResponse extends ResponseHead {
  readonly body: Uint8Array;
}

/**
 * Headers of one connection (RFC 9110 §7.6.1) or one client.
 */
const NOT_KEPT = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'set-cookie',
  'set-cookie2',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export const withoutQuery = (url: string) => url.split('?', 1)[0] as string;

/**
 * Returns the part of a response's head that all its readers share.
 *
 * @param isCoded Whether the body is still in its `content-encoding`. For a decoded body, that header is
 * wrong, and so is `content-length`.
 */
export function headOf(
  { status, statusText, headers, url }: Response,
  isCoded = false,
): ResponseHead {
  const named = headers
    .get('connection')
    ?.toLowerCase()
    .split(/[\s,]+/);
  const isDecoded = !isCoded && headers.has('content-encoding');
  const kept: [string, string][] = [];
  for (const [name, value] of headers) {
    if (NOT_KEPT.has(name) || named?.includes(name)) continue;
    if (isDecoded && (name === 'content-encoding' || name === 'content-length')) continue;
    kept.push([name, value]);
  }
  return { status, statusText, url, headers: kept };
}

/** Returns a response with this head and body, and with headers for its outcome. */
export function toResponse(
  { status, statusText, headers, url }: ResponseHead,
  body: ReadableStream<Uint8Array> | Uint8Array | null | undefined,
  more: Readonly<Record<string, string>>,
): Response {
  const all = new Headers();
  for (const [name, value] of headers) all.append(name, value);
  // If two layers are nested, the outer one sets the headers.
  for (const name in more) all.set(name, more[name] as string);
  // @hono/node-server gives a response without `headers` a content type of its own.
  const response = new Response(hasNoBody(status) ? null : ((body ?? null) as BodyInit | null), {
    status,
    statusText,
    headers: all,
  });
  // A constructed response has no URL.
  Object.defineProperty(response, 'url', { value: url });
  return response;
}

/** The length of the head, the head as JSON, and the bytes of the body. */
export const responseCodec: Codec = {
  name: 'http-response',
  encode(value) {
    const { body, ...head } = value as StoredResponse;
    const text = encoder.encode(JSON.stringify(head));
    const payload = new Uint8Array(4 + text.length + body.length);
    new DataView(payload.buffer).setUint32(0, text.length);
    payload.set(text, 4);
    payload.set(body, 4 + text.length);
    return payload;
  },
  decode(payload): StoredResponse {
    const bodyAt = 4 + new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    const head = JSON.parse(decoder.decode(payload.subarray(4, bodyAt))) as ResponseHead;
    return { ...head, body: payload.subarray(bodyAt) };
  },
};
