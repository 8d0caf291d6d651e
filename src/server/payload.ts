import { encoder } from '../engine/utf8.js';
import { type IdentityLike, keyOf, scoped, sha256Hex } from '../index.js';
import { mediaType } from '../request/counted-headers.js';
import type { HeaderReader } from '../request/key-header.js';
import { keyOfBytes } from '../request/request-key.js';
import { CollectedBytes } from '../response/collected-bytes.js';
import { codeOf } from './problem.js';

/** The body of a request: its bytes, or the value that an earlier parser made of them. */
export type Payload = { readonly body: Uint8Array } | { readonly parsed: unknown };

const isParsed = (payload: Payload): payload is { readonly parsed: unknown } =>
  Object.hasOwn(payload, 'parsed');

/** Text and bytes that a parser passed on count as the original body. */
export function payloadOfParsed(parsed: unknown): Payload {
  if (parsed === undefined || parsed === null) return { body: new Uint8Array() };
  if (typeof parsed === 'string') return { body: encoder.encode(parsed) };
  return parsed instanceof Uint8Array ? { body: parsed } : { parsed };
}

/**
 * Returns a digest that distinguishes two requests with the same key: of query, media type and body.
 * JSON is compared by value, a form by its parts, other bodies by their bytes.
 *
 * @throws {TypeError | RangeError} if the body was parsed and is not a JSON value.
 */
export function fingerprintOf(
  { search, headers }: { readonly search: string; readonly headers: HeaderReader },
  payload: Payload,
  identity: IdentityLike,
): string {
  const scope = [search, mediaType(headers.get('content-type'))];
  if (isParsed(payload)) {
    const key = unlessEmpty(() => keyOf(payload.parsed, identity)) ?? keyOf(payload.parsed);
    return scoped(scope, key);
  }
  let key: string;
  try {
    key = keyOfBytes(payload.body, headers, identity);
  } catch (error) {
    // Nested too deeply, or without the fields of its identity. The handler judges such a body.
    if (codeOf(error) === undefined) throw error;
    key = sha256Hex(payload.body);
  }
  return scoped(scope, key);
}

/** Returns `undefined` if the fields of the identity are missing. */
function unlessEmpty<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if ((error as { code?: string }).code === 'SAMEKEY_EMPTY_IDENTITY') return undefined;
    throw error;
  }
}

/** Reads the body of a request; resolves to `undefined` if it is longer than `maxBytes`. */
export function readBody(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  const length = request.headers.get('content-length');
  if (length === null || Number(length) > maxBytes) return readStream(request, length, maxBytes);
  // The fastest way: @hono/node-server makes a stream only for a program that reads `body`.
  return request.arrayBuffer().then((buffer) => {
    const whole = new Uint8Array(buffer);
    return whole.length > maxBytes ? undefined : whole;
  });
}

async function readStream(
  { body }: Request,
  length: string | null,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (body === null) return new Uint8Array();
  if (Number(length ?? 0) > maxBytes) {
    await body.cancel().catch(() => {});
    return undefined;
  }
  const collected = new CollectedBytes();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (collected.byteCount + value.length > maxBytes) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    collected.add(value);
  }
  return collected.whole();
}
