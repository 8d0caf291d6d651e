import { encoder } from '../engine/utf8.js';
import {
  canonicalize,
  type IdentityLike,
  type Key,
  keyOf,
  keyOfJson,
  scoped,
  sha256Hex,
} from '../index.js';
import { countedHeaders, mediaType } from './counted-headers.js';
import type { RequestKeySettings } from './options.js';
import type { OutgoingRequest } from './outgoing-request.js';

/** What a request is known by. */
export interface RequestKey {
  /** Of the whole request. */
  readonly key: Key;
  /** Of its body. */
  readonly contentKey: Key;
  /** What the key is made of beside the content, outermost first. */
  readonly scope: readonly string[];
}

/**
 * Returns the key of a request: of its method, URL, account, the headers that count, and its body.
 */
export async function keyOfRequest(
  request: OutgoingRequest,
  { identity, scope, account, ignoredHeaders }: RequestKeySettings,
  sample: string | undefined,
): Promise<RequestKey> {
  const { method, url, headers } = request;
  const contentKey = await keyOfBody(request, identity);
  const own = typeof scope === 'string' ? [scope] : scope;
  const ignored = new Set(ignoredHeaders.map((name) => name.toLowerCase()));
  const scopes = [
    ...own,
    method,
    url,
    typeof account === 'string' ? account : account(headers),
    canonicalize({ ...countedHeaders(headers, ignored), ...countedSettings(request) }),
    ...(sample === undefined ? [] : [`sample ${sample}`]),
  ];
  return { key: scoped(scopes, contentKey), contentKey, scope: scopes };
}

/** What changes the answer, where it is another than usual; no header has such a name. */
function countedSettings({ url, headers, init }: OutgoingRequest) {
  const { redirect = 'follow', credentials = 'same-origin' } = init;
  const host = headers.get('host') ?? '';
  return {
    // Some platforms let a caller name another one than it connects to.
    ...(host !== '' && host !== new URL(url).host && { ':host': host }),
    ...(redirect !== 'follow' && { ':redirect': redirect }),
    ...(credentials !== 'same-origin' && { ':credentials': credentials }),
  };
}

/** No JSON, nested beyond reason, or a number that two programs read differently: it is its bytes. */
const NOT_READ = new Set([
  'SAMEKEY_BAD_JSON',
  'SAMEKEY_BIG_NUMBER',
  'SAMEKEY_LONE_SURROGATE',
  'SAMEKEY_TOO_DEEP',
]);

/** A form by its parts, JSON by what it says, anything else by its bytes. */
export async function keyOfBody(
  { headers, body, form }: Pick<OutgoingRequest, 'headers' | 'body' | 'form'>,
  identity: IdentityLike | undefined,
): Promise<Key> {
  if (form !== undefined) return keyOf(await partsOf(form));
  const type = mediaType(headers.get('content-type'));
  // What is compressed is not read, and what has no type may be JSON as well as not.
  const mayBeJson = !headers.has('content-encoding') && (/[/+]json$/.test(type) || type === '');
  if (mayBeJson && body.length > 0) {
    try {
      return keyOfJson(body, identity);
    } catch (error) {
      if (!NOT_READ.has((error as { code?: string }).code ?? '')) throw error;
    }
  }
  // The bytes that are sent, where a lone surrogate is U+FFFD.
  return sha256Hex(typeof body === 'string' ? encoder.encode(body) : body);
}

/** What a form says, whatever its boundary. */
async function partsOf(form: FormData): Promise<unknown[]> {
  return Promise.all(
    [...form].map(async ([given, value]) => {
      const name = written(given);
      if (typeof value === 'string') return { name, value };
      const content = sha256Hex(new Uint8Array(await value.arrayBuffer()));
      // What it is sent with if it has none; of a `Blob`, Bun has no name.
      const { name: filename = 'blob', type } = value;
      return {
        name,
        filename: written(filename),
        type: type || 'application/octet-stream',
        content,
      };
    }),
  );
}

/** A name as it stands in a form (HTML §4.10.21.8), which not all who read one undo. */
const written = (name: string) => name.replace(/[\r\n"]/g, (char) => encodeURIComponent(char));
