import { encoder } from '../engine/utf8.js';
import { type IdentityLike, keyOf, scoped, sha256Hex } from '../index.js';
import { mediaType } from '../request/counted-headers.js';
import { contentOf } from '../request/outgoing-request.js';
import { keyOfBody } from '../request/request-key.js';
import { joinChunks } from '../response/chunks.js';
import { codeOf } from './problem.js';

/** What a request brings: its body as it came, or what a parser before has made of it. */
export type Payload = { readonly body: Uint8Array } | { readonly parsed: unknown };

/** Text and bytes that a parser handed on are the body as it came. */
export function payloadOfParsed(parsed: unknown): Payload {
  if (parsed === undefined || parsed === null) return { body: new Uint8Array() };
  if (typeof parsed === 'string') return { body: encoder.encode(parsed) };
  return parsed instanceof Uint8Array ? { body: parsed } : { parsed };
}

/**
 * What tells two requests with one key apart: query, media type and body. JSON counts as what it
 * says, a form as its parts, anything else as its bytes.
 *
 * @throws {TypeError | RangeError} if it was parsed and is no JSON value.
 */
export async function fingerprintOf(
  { search, headers }: { readonly search: string; readonly headers: Headers },
  payload: Payload,
  identity: IdentityLike | undefined,
): Promise<string> {
  const scope = [search, mediaType(headers.get('content-type'))];
  if ('parsed' in payload) {
    return scoped(scope, whole(() => keyOf(payload.parsed, identity)) ?? keyOf(payload.parsed));
  }
  const content = { headers, ...(await contentOf(headers, payload.body)) };
  try {
    return scoped(scope, await keyOfBody(content, identity));
  } catch (error) {
    // Nested too deep, or without the fields that are its identity: what it is, is for the handler.
    if (codeOf(error) === undefined) throw error;
    return scoped(scope, sha256Hex(payload.body));
  }
}

/** `undefined` if the fields that are its identity are not there. */
function whole<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if ((error as { code?: string }).code === 'SAMEKEY_EMPTY_IDENTITY') return undefined;
    throw error;
  }
}

/** Reads the body of a request, if it is no longer than that. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const { body, headers } = request;
  if (body === null) return new Uint8Array();
  const length = headers.get('content-length');
  if (Number(length ?? 0) > maxBytes) {
    await body.cancel().catch(() => {});
    return undefined;
  }
  if (length !== null) {
    // Known to be short: in one piece, which platforms have a fast way for.
    const whole = new Uint8Array(await request.arrayBuffer());
    return whole.length > maxBytes ? undefined : whole;
  }
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    byteCount += value.length;
    if (byteCount > maxBytes) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
  return joinChunks(chunks, byteCount);
}
