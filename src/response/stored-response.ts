import { decoder, encoder } from '../engine/utf8.js';
import type { OwnCodec } from '../once/codec.js';
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

/** The bytes of responses whose body is a part of them. */
const encoded = /* @__PURE__ */ new WeakMap<StoredResponse, Uint8Array>();

/** Returns the response with room for its body, which is copied once: to where it is stored from. */
export function roomFor(head: ResponseHead, byteCount: number): StoredResponse {
  const text = encoder.encode(JSON.stringify(head));
  const bodyAt = 4 + text.length;
  const payload = new Uint8Array(bodyAt + byteCount);
  new DataView(payload.buffer).setUint32(0, text.length);
  payload.set(text, 4);
  const stored = { ...head, body: payload.subarray(bodyAt) };
  encoded.set(stored, payload);
  return stored;
}

/** The length of the head, the head as JSON, and the bytes of the body. */
export const responseCodec: OwnCodec = {
  name: 'http-response',
  isOwn: true,
  encode(value) {
    const stored = value as StoredResponse;
    const known = encoded.get(stored);
    if (known !== undefined) return known;
    const { body, ...head } = stored;
    const copy = roomFor(head, body.length);
    copy.body.set(body);
    return encoded.get(copy) as Uint8Array;
  },
  decode(payload): StoredResponse {
    const bodyAt =
      payload.length < 4 ? 4 : 4 + new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    if (bodyAt > payload.length) throw malformed('it is cut');
    const head: unknown = JSON.parse(decoder.decode(payload.subarray(4, bodyAt)));
    requireHead(head);
    const body = payload.subarray(bodyAt);
    return { ...head, headers: framed(head.headers, body.length), body };
  },
};

/** A server that sends another length than that of the body keeps its client waiting. A HEAD has none. */
const framed = (headers: ResponseHead['headers'], byteCount: number): ResponseHead['headers'] =>
  byteCount > 0 &&
  headers.some(([name, value]) => name === 'content-length' && value !== String(byteCount))
    ? headers.filter(([name]) => name !== 'content-length')
    : headers;

const malformed = (what: string) => new TypeError(`Cannot read the stored response: ${what}`);

/**
 * Another program may have written the record. What is wrong with its head would otherwise fail in the
 * middle of a response.
 */
function requireHead(head: unknown): asserts head is ResponseHead {
  const { status, statusText, headers, url } = (head ?? {}) as Partial<ResponseHead>;
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
    throw malformed('its status is not 200 to 599');
  }
  if (typeof statusText !== 'string' || !FIELD_TEXT.test(statusText)) {
    throw malformed('its status text is not HTTP');
  }
  if (typeof url !== 'string') throw malformed('it has no URL');
  if (!Array.isArray(headers)) throw malformed('it has no headers');
  for (const line of headers as readonly unknown[]) {
    const [name, value] = Array.isArray(line) && line.length === 2 ? line : [];
    if (typeof name !== 'string' || typeof value !== 'string')
      throw malformed('a header has no value');
    if (!FIELD_NAME.test(name) || !FIELD_TEXT.test(value)) throw malformed('a header is not HTTP');
    if (NOT_KEPT.has(name)) throw malformed(`it has the header ${name}, which is never stored`);
  }
}

/** RFC 9110 §5.1, in lower case, and §5.5. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const FIELD_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
