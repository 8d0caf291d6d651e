import { decoder, encoder } from '../../engine/utf8.js';
import type { Codec } from '../../once/index.js';

/** What of a response comes before its body. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Where it came from, after redirects; as it is kept, without its query, where credentials may be. */
  readonly url: string;
}

/** A response as it is kept. */
export interface StoredResponse extends ResponseHead {
  readonly body: Uint8Array;
}

/**
 * Headers that are about one connection (RFC 9110 §7.6.1), one client, or the form in which the body
 * travelled: whoever reads a body gets it decoded, and a `content-length` is that of the coded one.
 */
const NOT_KEPT = new Set([
  'connection',
  'content-encoding',
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

/** Statuses whose responses have no body (Fetch §2.2.3). */
const NULL_BODY = new Set([101, 103, 204, 205, 304]);

export const withoutQuery = (url: string) => url.split('?', 1)[0] as string;

/** What of a response's head all who share it get; `isCoded` where its body was not decoded. */
export function headOf(
  { status, statusText, headers, url }: Response,
  isCoded = false,
): ResponseHead {
  const named = (headers.get('connection') ?? '').split(',').map((name) => name.trim());
  const left = new Set([...NOT_KEPT, ...named.map((name) => name.toLowerCase())]);
  if (isCoded) left.delete('content-encoding');
  else if (headers.has('content-encoding')) left.add('content-length');
  return { status, statusText, url, headers: [...headers].filter(([name]) => !left.has(name)) };
}

/** A response with this head and body, and the headers that say how it came about. */
export function toResponse(
  { status, statusText, headers, url }: ResponseHead,
  body: ReadableStream<Uint8Array> | Uint8Array | undefined,
  more: Readonly<Record<string, string>>,
): Response {
  const response = new Response(
    NULL_BODY.has(status) ? null : ((body ?? null) as BodyInit | null),
    {
      status,
      statusText,
      headers: [
        // Where one layer is behind another, the outer one speaks.
        ...headers
          .filter(([name]) => !(name in more))
          .map(([name, value]): [string, string] => [name, value]),
        ...Object.entries(more),
      ],
    },
  );
  // A response that was made, not fetched, has none.
  Object.defineProperty(response, 'url', { value: url });
  return response;
}

/** The head as JSON, its length before it, and the bytes of the body after it. */
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
