import { encoder } from '../engine/utf8.js';
import { fail, nameOf } from '../errors/errors.js';
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
import { ignoreRejection } from '../options/callbacks.js';
import { otherSender, sentAccount } from './account.js';
import { multipartIn, partsOf } from './body-parts.js';
import { countedHeaders, mediaType } from './counted-headers.js';
import type { HeaderReader, HeaderSnapshot } from './key-header.js';
import { boundaryOf } from './multipart.js';
import type { RequestKeySettings } from './options.js';
import type { OutgoingRequest } from './outgoing-request.js';

/** The key of a request, and the parts that it is derived from. */
export interface RequestKey {
  /** The key of the whole request. */
  readonly key: Key;
  /** The key of its body. */
  readonly contentKey: Key;
  /** The account that sends the request, a part of the key. */
  readonly account: string;
  /**
   * Returns the key in the store for a key that the caller set. Two accounts or URLs never share one.
   * Of the headers only those count that tell two senders apart: the key of the caller identifies the
   * request.
   */
  keyForCaller(callersKey: string): Key;
}

/** Parts of the key that one request adds to the settings of all. */
export interface RequestParts {
  readonly scope?: string | undefined;
  readonly sample?: string | undefined;
}

const NO_PARTS: RequestParts = { scope: undefined, sample: undefined };

/**
 * Returns the identity of a request's body, compiled. An integer that no double holds exactly, such as
 * an int64 seed, keeps its digits: two requests with two seeds are two requests.
 */
export const bodyIdentity = (identity: IdentityLike | undefined): Identity =>
  defineIdentity({ bigNumbers: 'digits', ...identity });

/**
 * Derives the keys of requests from their method, URL, account, counted headers and body. The settings
 * are prepared once.
 */
export class RequestKeys {
  readonly #identity: Identity;
  readonly #scopes: readonly string[];
  readonly #account: RequestKeySettings['account'];
  readonly #ignored: ReadonlySet<string>;

  /** @param keyHeader A header that does not count, beside those of the settings. */
  constructor(
    { identity, scope, account, ignoredHeaders }: RequestKeySettings,
    keyHeader?: string,
  ) {
    this.#identity = bodyIdentity(identity);
    this.#scopes = typeof scope === 'string' ? [scope] : scope;
    this.#account = account;
    const ignored = keyHeader === undefined ? ignoredHeaders : [...ignoredHeaders, keyHeader];
    this.#ignored = new Set(ignored.map((name) => name.toLowerCase()));
  }

  /** Returns a promise only for a form, whose files are read first. */
  of(request: OutgoingRequest, parts: RequestParts = NO_PARTS): RequestKey | Promise<RequestKey> {
    const { form } = request;
    if (form === undefined) {
      const { body, given } = request;
      return this.#withBody(request, parts, keyOfBytes(body, given, this.#identity));
    }
    return keyOfForm(form).then((key) => this.#withBody(request, parts, key));
  }

  #withBody(
    request: OutgoingRequest,
    { scope, sample }: RequestParts,
    contentKey: Key,
  ): RequestKey {
    const { method, url, headers, given } = request;
    const scopes = scope ? [...this.#scopes, scope] : [...this.#scopes];
    const account = this.#accountOf(headers, given);
    scopes.push(method, url, account);
    const settings = countedSettings(request);
    const samples = sample === undefined ? [] : [`sample ${sample}`];
    const counted = canonicalize(Object.assign(countedHeaders(given, this.#ignored), settings));
    return {
      key: scoped([...scopes, counted, ...samples], contentKey),
      contentKey,
      account,
      keyForCaller: (callersKey) =>
        scoped(
          [
            ...scopes,
            canonicalize(settings),
            ...this.#otherSender(given),
            ...samples,
            "caller's key",
          ],
          callersKey,
        ),
    };
  }

  /** What tells senders apart beside the account, unless the program says what the account is. */
  #otherSender(given: HeaderSnapshot): readonly string[] {
    if (this.#account !== sentAccount) return [];
    const sender = otherSender(given, this.#ignored);
    return sender === undefined ? [] : [`sender ${sender}`];
  }

  #accountOf(headers: Headers, given: HeaderSnapshot): string {
    const account = this.#account;
    if (typeof account === 'string') return account;
    if (account === sentAccount) return sentAccount(given);
    const found: unknown = account(headers);
    if (typeof found === 'string') return found;
    ignoreRejection(found);
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot send the request: the option account gave ${nameOf(found)}, wanted text`,
    );
  }
}

/** Returns settings that change the answer and differ from their defaults. No header name has a `:`. */
function countedSettings({ url, given, init }: OutgoingRequest): Record<string, string> {
  const { redirect = 'follow', credentials = 'same-origin' } = init;
  const host = given.get('host') ?? '';
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

const keyOfForm = async (form: FormData) => keyOf(await partsOf(form));

/** Derives a key from the parts of a multipart body, the value of JSON, or the bytes of any other body. */
export function keyOfBytes(
  body: string | Uint8Array,
  headers: HeaderReader,
  identity: IdentityLike | undefined,
): Key {
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
