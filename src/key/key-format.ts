import { fail, nameOf } from '../errors/errors.js';
import type { Content } from '../hash/content.js';
import { type HmacKey, hmacKey } from '../hash/hmac.js';
import type { KeyBits } from './key.js';

/** How a frame becomes a key. */
export interface KeyFormatOptions {
  /** Bits of the digest in the key: 256 (67 characters) or 128 (35 characters). Default: 256. */
  readonly bits?: KeyBits;
  /**
   * Makes the key the HMAC-SHA-256 of the frame. Without the secret it is not possible to guess the
   * content of a key, or to make the key of a content.
   */
  readonly secret?: Content;
}

export interface KeyFormat {
  readonly bits: KeyBits;
  readonly hmac: HmacKey | undefined;
}

export const DEFAULT_FORMAT: KeyFormat = { bits: 256, hmac: undefined };

/** Checks the options and prepares the secret. */
export function toKeyFormat(options: KeyFormatOptions): KeyFormat {
  // Own members only: another library may have set one of these names on `Object.prototype`.
  let { bits = 256 } = options;
  if (!Object.hasOwn(options, 'bits')) bits = 256;
  if (bits !== 256 && bits !== 128) {
    fail(
      typeof bits === 'number' ? RangeError : TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot make a key of ${typeof bits === 'number' ? bits : nameOf(bits)} bits: wanted 256 or 128`,
    );
  }
  // `secret: process.env.MISSING` is refused: it must not silently make keys that anyone can guess.
  const hasSecret = Object.hasOwn(options, 'secret');
  return { bits, hmac: hasSecret ? hmacKey(options.secret as Content) : undefined };
}
