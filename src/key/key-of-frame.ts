import { toHex } from '../engine/hex.js';
import { digestEngine } from '../engine/select.js';
import { createDigester } from '../hash/hmac.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import type { KeyFormat } from './key-format.js';

/** Frames up to this size are joined and digested in one call. */
const JOINED_BYTES = 4096;

/** Returns the key of a frame that is passed in pieces. */
export function keyOfFrame(pieces: readonly Uint8Array[], format: KeyFormat): Key {
  const byteCount = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (format.hmac === undefined && byteCount <= JOINED_BYTES) {
    const frame = new Uint8Array(byteCount);
    let at = 0;
    for (const piece of pieces) {
      frame.set(piece, at);
      at += piece.length;
    }
    return toKey(digestEngine().sha256Hex(frame, 0, byteCount, KEY_PREFIX), format.bits);
  }
  const digester =
    byteCount <= JOINED_BYTES
      ? createDigester(format.hmac, digestEngine())
      : createDigester(format.hmac);
  for (const piece of pieces) digester.update(piece);
  return toKey(KEY_PREFIX + toHex(digester.finish()), format.bits);
}
