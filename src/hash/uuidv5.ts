import { fromHex } from '../engine/hex.js';
import { digestEngine } from '../engine/select.js';
import { fail, nameOf, quote } from '../errors/errors.js';
import { type Content, toContent } from './content.js';

/** Namespace of fully qualified domain names (RFC 9562 §6.6). */
export const NAMESPACE_DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
/** Namespace of URLs (RFC 9562 §6.6). */
export const NAMESPACE_URL = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';
/** Namespace of ISO object identifiers (RFC 9562 §6.6). */
export const NAMESPACE_OID = '6ba7b812-9dad-11d1-80b4-00c04fd430c8';
/** Namespace of X.500 distinguished names (RFC 9562 §6.6). */
export const NAMESPACE_X500 = '6ba7b814-9dad-11d1-80b4-00c04fd430c8';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function parseNamespace(namespace: unknown): Uint8Array {
  if (typeof namespace !== 'string') {
    fail(
      TypeError,
      'SAMEKEY_BAD_UUID',
      `Cannot make a UUID: the namespace is ${nameOf(namespace)}, wanted the text of a UUID`,
    );
  }
  if (!UUID.test(namespace)) {
    fail(
      SyntaxError,
      'SAMEKEY_BAD_UUID',
      `Cannot make a UUID: the namespace is ${quote(namespace)}, wanted 8-4-4-4-12 hexadecimal digits`,
    );
  }
  return fromHex(namespace.replaceAll('-', ''));
}

/** The last namespace: a program usually uses one, and parsing costs as much as hashing. */
let lastText = '00000000-0000-0000-0000-000000000000';
let lastBytes = /* @__PURE__ */ new Uint8Array(16);

/**
 * Returns the version 5 UUID of bytes, or of the UTF-8 bytes of a text, in a namespace (RFC 9562
 * §5.5).
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_UUID` if the namespace is not a UUID in text form (`TypeError`
 * if it is not text).
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT`, `SAMEKEY_LONE_SURROGATE`, as `sha256`.
 * @example
 * uuidv5(NAMESPACE_DNS, 'www.example.com'); // '2ed6657d-e927-568b-95e1-2665a8aea6a2'
 */
export function uuidv5(namespace: string, content: Content): string {
  if (namespace !== lastText) {
    lastBytes = parseNamespace(namespace) as Uint8Array<ArrayBuffer>;
    lastText = namespace;
  }
  return digestEngine().uuidv5(lastBytes, toContent(content, 'make a UUID of the content'));
}
