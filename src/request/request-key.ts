import { encoder } from '../engine/utf8.js';
import {
  canonicalize,
  defineIdentity,
  type Identity,
  type IdentityLike,
  type Key,
  keyOf,
  keyOfJson,
  scoped,
  sha256Hex,
} from '../index.js';
import { multipartIn, partsOf } from './body-parts.js';
import { countedHeaders, mediaType } from './counted-headers.js';
import type { HeaderReader } from './key-header.js';
import { boundaryOf } from './multipart.js';
import type { RequestKeySettings } from './options.js';
import type { OutgoingRequest } from './outgoing-request.js';

/** The key of a request, and the parts that it is derived from. */
export interface RequestKey {
  /** The key of the whole request. */
  readonly key: Key;
  /** The key of its body. */
  readonly contentKey: Key;
  /**
   * The scopes of a key that the caller set, outermost first. Two accounts or URLs never share one.
   * Headers do not count: the key of the caller identifies the request.
   */
  readonly callersScope: readonly string[];
}

/**
 * Returns the identity of a request's body, compiled. An integer that no double holds exactly, such as
 * an int64 seed, keeps its digits: two requests with two seeds are two requests.
 */
export const bodyIdentity = (identity: IdentityLike | undefined): Identity =>
  defineIdentity({ bigNumbers: 'digits', ...identity });

/** Derives the key of a request from its method, URL, account, counted headers and body. */
export async function keyOfRequest(
  request: OutgoingRequest,
  { identity, scope, account, ignoredHeaders }: RequestKeySettings,
  sample: string | undefined,
): Promise<RequestKey> {
  const { method, url, headers } = request;
  const contentKey = await keyOfBody(request, identity);
  const ownScopes = typeof scope === 'string' ? [scope] : scope;
  const ignored = new Set(ignoredHeaders.map((name) => name.toLowerCase()));
  const settings = countedSettings(request);
  const accountText = typeof account === 'string' ? account : account(headers);
  const scopesWith = (counted: object) => [
    ...ownScopes,
    method,
    url,
    accountText,
    canonicalize(counted),
    ...(sample === undefined ? [] : [`sample ${sample}`]),
  ];
  const scopes = scopesWith({ ...countedHeaders(headers, ignored), ...settings });
  return { key: scoped(scopes, contentKey), contentKey, callersScope: scopesWith(settings) };
}

/** Returns settings that change the answer and differ from their defaults. No header name has a `:`. */
function countedSettings({ url, headers, init }: OutgoingRequest) {
  const { redirect = 'follow', credentials = 'same-origin' } = init;
  const host = headers.get('host') ?? '';
  return {
    // Some platforms let a caller send another host than the one it connects to.
    ...(host !== '' && host !== new URL(url).host && { ':host': host }),
    ...(redirect !== 'follow' && { ':redirect': redirect }),
    ...(credentials !== 'same-origin' && { ':credentials': credentials }),
  };
}

/**
 * Errors of a body that is not JSON, is nested too deeply, or has a number that no program can read, such
 * as 1e400. Its key is that of its bytes.
 */
const KEYED_AS_BYTES = new Set([
  'SAMEKEY_BAD_JSON',
  'SAMEKEY_BIG_NUMBER',
  'SAMEKEY_LONE_SURROGATE',
  'SAMEKEY_TOO_DEEP',
]);

/** Derives a key from the parts of a form, the value of JSON, or the bytes of any other body. */
export async function keyOfBody(
  {
    headers,
    body,
    form,
  }: Pick<OutgoingRequest, 'body' | 'form'> & {
    readonly headers: HeaderReader;
  },
  identity: IdentityLike | undefined,
): Promise<Key> {
  if (form !== undefined) return keyOf(await partsOf(form));
  const contentType = headers.get('content-type') ?? '';
  const type = mediaType(contentType);
  // A compressed body is not decoded. A body without a type may be JSON.
  const isPlain = !headers.has('content-encoding');
  const boundary = isPlain ? boundaryOf(contentType) : undefined;
  if (boundary !== undefined) {
    const bytes = typeof body === 'string' ? encoder.encode(body) : body;
    const parts = multipartIn(bytes, boundary, type === 'multipart/form-data');
    if (parts !== undefined) return keyOf(parts);
  }
  const mayBeJson = isPlain && (/[/+]json$/.test(type) || type === '');
  if (mayBeJson && body.length > 0) {
    try {
      return keyOfJson(body, identity);
    } catch (error) {
      if (!KEYED_AS_BYTES.has((error as { code?: string }).code ?? '')) throw error;
    }
  }
  // The bytes as they are sent: a lone surrogate becomes U+FFFD.
  return sha256Hex(typeof body === 'string' ? encoder.encode(body) : body);
}
