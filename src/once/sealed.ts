/**
 * An encrypted result as it is stored:
 *
 *     1      version
 *     1      length of the key's id
 *     1–32   id of the key, ASCII
 *     12     nonce, random
 *     …      ciphertext: length of the codec's name (1), name, payload
 *     16     tag
 *
 * The associated data is everything before the nonce, then 1 for a result or 2 for an error, then the
 * record's key. So a record opens only with its own key and state.
 */
import { NONCE_BYTES, TAG_BYTES } from './aes-gcm.js';

/** The name of the codec in the records of encrypted results. */
export const SEALED_CODEC = 'encrypted';
export const SEALED_VERSION = 1;

/** Not longer than that: a key in the place of its id is refused before a message shows it. */
export const KEY_ID = /^[\w.-]{1,32}$/;

/** The bytes of an encrypted result without the key's id, the codec's name and the payload. */
const FIXED_BYTES = 2 + NONCE_BYTES + 1 + TAG_BYTES;

/** Returns the beginning of all results that one key encrypts. */
export function headerOf(keyId: string): Uint8Array {
  return Uint8Array.from([
    SEALED_VERSION,
    keyId.length,
    ...[...keyId].map((character) => character.charCodeAt(0)),
  ]);
}

/** Returns the id of the key that encrypted a payload, or `undefined` if the payload does not say. */
export function keyIdOf(payload: Uint8Array): string | undefined {
  const [version, length = 0] = payload;
  if (version !== SEALED_VERSION) return undefined;
  const id = String.fromCharCode(...payload.subarray(2, 2 + length));
  return id.length === length && KEY_ID.test(id) ? id : undefined;
}

/** Returns what is wrong with an encrypted payload that no key opens, and what would be right. */
export function faultOfSealed(payload: Uint8Array, keyIds: readonly string[]): string {
  const [version] = payload;
  if (version !== undefined && version !== SEALED_VERSION) {
    return `it has the format ${version} of encrypted results, wanted ${SEALED_VERSION}: another version of samekey wrote it`;
  }
  const id = keyIdOf(payload);
  if (id === undefined || payload.length < FIXED_BYTES + id.length) {
    return `it is cut or damaged: it has ${payload.length} bytes, wanted a whole encrypted result`;
  }
  if (!keyIds.includes(id)) {
    const wanted = keyIds.length === 0 ? 'encryptedCodec({ keys }) with that key' : 'that key';
    const has = keyIds.length === 0 ? '' : `, and the keys are ${keyIds.map(quoted).join(', ')}`;
    return `it is encrypted with the key ${quoted(id)}${has}, wanted ${wanted}`;
  }
  return `the key ${quoted(id)} does not open it, wanted the key that encrypted it, and the record that it was written for`;
}

const quoted = (id: string) => `"${id}"`;
