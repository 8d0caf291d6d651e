import { toUuid } from '../engine/hex.js';
import { fail } from '../errors/errors.js';

/**
 * Returns a random version 4 UUID (RFC 9562 §5.4), for the case that there is no content to derive
 * a key from. Make it once, before the first attempt, and keep it for every retry.
 *
 * @throws {Error} `SAMEKEY_NO_RANDOM` where there is no Web Crypto.
 * @example
 * randomKey().length; // 36
 */
export function randomKey(): string {
  const { crypto } = globalThis;
  // `randomUUID` is missing on pages that are not served over HTTPS; `getRandomValues` is not.
  if (typeof crypto?.randomUUID === 'function') return crypto.randomUUID();
  if (typeof crypto?.getRandomValues !== 'function') {
    return fail(
      Error,
      'SAMEKEY_NO_RANDOM',
      'Cannot make a random key: this platform has no crypto.getRandomValues',
    );
  }
  return toUuid(crypto.getRandomValues(new Uint8Array(16)), 4);
}
