import { encoder } from '../engine/utf8.js';
import { fail, nameOf } from '../errors/errors.js';

/** Content to digest: text, as its UTF-8 bytes, or bytes. */
export type Content = string | ArrayBufferView | ArrayBuffer;

/** Half of a surrogate pair. It has no UTF-8 encoding. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether text can be encoded as UTF-8. The platform's own check is free for one-byte strings. */
export function isWellFormed(text: string): boolean {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native === undefined ? !LONE_SURROGATE.test(text) : native.call(text);
}

/**
 * Throws for a lone surrogate. An encoder would write U+FFFD, and two texts would get the same key.
 */
export function requireWellFormed(text: string, action: string): void {
  if (isWellFormed(text)) return;
  const index = text.search(LONE_SURROGATE);
  fail(
    TypeError,
    'SAMEKEY_LONE_SURROGATE',
    `Cannot ${action}: the lone surrogate at index ${index} is not valid Unicode`,
  );
}

/**
 * Returns `content` as well-formed text or as bytes. `action` begins the message: "hash the
 * content".
 */
export function toContent(content: unknown, action: string): string | Uint8Array {
  if (typeof content === 'string') {
    requireWellFormed(content, action);
    return content;
  }
  if (content instanceof Uint8Array && content.length > 0) return content;
  const isView = ArrayBuffer.isView(content);
  // By its tag, not by `instanceof`, which fails for a buffer of another realm.
  if (isView || Object.prototype.toString.call(content) === '[object ArrayBuffer]') {
    try {
      return isView
        ? new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
        : new Uint8Array(content as ArrayBuffer);
    } catch {
      // A buffer that was transferred to another thread looks empty.
      fail(
        TypeError,
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot ${action}: its buffer was transferred elsewhere`,
      );
    }
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot ${action}: it is ${nameOf(content)}, wanted text or bytes`,
  );
}

/** Returns `content` as bytes. */
export function toBytes(content: unknown, action: string): Uint8Array {
  const checked = toContent(content, action);
  return typeof checked === 'string' ? encoder.encode(checked) : checked;
}
