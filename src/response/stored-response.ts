import { decoder, encoder } from '../engine/utf8.js';
import type { Codec } from '../once/index.js';
import { headerIn, type ResponseHead } from './response-data.js';

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
export function sharedHead(
  { status, statusText, headers, url }: ResponseHead,
  isCoded: boolean,
): ResponseHead {
  const named = headerIn(headers, 'connection')
    ?.toLowerCase()
    .split(/[\s,]+/);
  const isDecoded = !isCoded && headerIn(headers, 'content-encoding') !== null;
  const kept = headers.filter(
    ([name]) =>
      !NOT_KEPT.has(name) &&
      !named?.includes(name) &&
      !(isDecoded && (name === 'content-encoding' || name === 'content-length')),
  );
  return { status, statusText, url, headers: kept };
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
