import { toUuid } from '../engine/hex.js';
import { fail, quote } from '../errors/errors.js';

/**
 * Returns a random version 4 UUID (RFC 9562 §5.4), for a request without content to derive a key
 * from. Make it once, before the first attempt, and use it for every retry.
 *
 * @throws {Error} `SAMEKEY_NO_RANDOM` if there is no Web Crypto, or only a stub that returns no
 * UUID or only zeros.
 * @example
 * randomKey().length; // 36
 */
export function randomKey(): string {
  const { crypto } = globalThis;
  // Pages without HTTPS have no `randomUUID`, but they have `getRandomValues`.
  const uuid = crypto?.randomUUID
    ? crypto.randomUUID()
    : crypto?.getRandomValues && toUuid(crypto.getRandomValues(new Uint8Array(16)), 4);
  if (RANDOM.test(uuid)) return uuid;
  return fail(
    Error,
    'SAMEKEY_NO_RANDOM',
    `Cannot make a random key: the platform's crypto gives ${quote(`${uuid}`)}, wanted a random UUID`,
  );
}

/** Matches version 4, except the zeros that a stub of `getRandomValues` leaves. */
const RANDOM = /^(?!0{8}-0{4}-40)[\da-f-]{14}4[\da-f-]{21}$/;
