import { digestEngine } from '../engine/select.js';
import { encoder } from '../engine/utf8.js';
import { requireMembers } from '../errors/errors.js';
import { type Content, toContent } from '../hash/content.js';
import { framePrefix, type Scope, toScopes } from './frame.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import {
  DEFAULT_FORMAT,
  type KeyFormat,
  type KeyFormatOptions,
  toKeyFormat,
} from './key-format.js';
import { keyOfFrame } from './key-of-frame.js';

const MEMBERS = ['bits', 'secret'];

/** A content up to this length is joined to its scopes as text, which one call encodes and digests. */
const SHORT_CHARACTERS = 4096;

/** Checks the options of functions that take only a key format. */
export function formatOf(options: KeyFormatOptions | undefined): KeyFormat {
  if (options === undefined) return DEFAULT_FORMAT;
  requireMembers(options, MEMBERS, 'options');
  return toKeyFormat(options);
}

/**
 * Returns the key of bytes, or of the UTF-8 bytes of a text: `ik_` and their SHA-256 in
 * hexadecimal.
 *
 * Text is hashed unchanged. For JSON use `keyOf`, which ignores white space and the order of
 * members.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for content that is neither text nor bytes and for
 * invalid options, `SAMEKEY_LONE_SURROGATE` for text that is not valid Unicode.
 * @throws {RangeError} `SAMEKEY_BAD_ARGUMENT` for other `bits` and an empty secret.
 * @example
 * sha256Hex('abc', { bits: 128 }); // 'ik_ba7816bf8f01cfea414140de5dae2223'
 */
export function sha256Hex(content: Content, options?: KeyFormatOptions): Key {
  const checked = toContent(content, 'make a key of the content');
  const { bits, hmac } = formatOf(options);
  if (hmac !== undefined) return keyOfFrame([toPiece(checked)], { bits, hmac });
  const engine = digestEngine();
  return toKey(
    typeof checked === 'string'
      ? engine.sha256HexOfText(checked, KEY_PREFIX)
      : engine.sha256Hex(checked, 0, checked.length, KEY_PREFIX),
    bits,
  );
}

/**
 * Returns the key of a content inside one or more scopes: the digest of `scope 00 … scope 00
 * content`. The same content under another tenant or operation gets another key. Scopes and content
 * cannot be confused if the number of scopes is fixed. Otherwise content with zero bytes can look
 * like one more scope; JSON has no zero bytes.
 *
 * @throws {TypeError} `SAMEKEY_BAD_SCOPE` for a scope that is not text, and as `sha256Hex`.
 * @throws {RangeError} `SAMEKEY_BAD_SCOPE` for a scope that contains U+0000, and as `sha256Hex`.
 * @example
 * scoped('tenant-1', 'abc') === scoped('tenant-2', 'abc'); // false
 */
export function scoped(scope: Scope, content: Content, options?: KeyFormatOptions): Key {
  const scopes = toScopes(scope);
  const checked = toContent(content, 'make a key of the content');
  const format = formatOf(options);
  const isShort = typeof checked === 'string' && checked.length <= SHORT_CHARACTERS;
  if (isShort && format.hmac === undefined) {
    // Scopes and content are well-formed, so their text has the bytes of the frame.
    const frame = `${scopes.join('\0')}\0${checked}`;
    return toKey(digestEngine().sha256HexOfText(frame, KEY_PREFIX), format.bits);
  }
  return keyOfFrame([framePrefix(scopes), toPiece(checked)], format);
}

function toPiece(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? encoder.encode(content) : content;
}
