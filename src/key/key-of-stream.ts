import { toHex } from '../engine/hex.js';
import { streamEngine } from '../engine/select.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { type Content, toBytes } from '../hash/content.js';
import { createDigester } from '../hash/hmac.js';
import { framePrefix, type Scope, toScopes } from './frame.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import { type KeyFormatOptions, toKeyFormat } from './key-format.js';
import { pieces, type Signal, type WebStream } from './stream-pieces.js';

/** Raw bytes that arrive in pieces. Pieces that are text count as their UTF-8. */
export type ByteStream =
  | WebStream
  | AsyncIterable<unknown>
  | (Iterable<Content> & object)
  | { stream(): WebStream };

export interface KeyOfStreamOptions extends KeyFormatOptions {
  readonly scope?: Scope;
  /** Stops reading; the promise is rejected with the signal's reason. */
  readonly signal?: Signal;
}

/**
 * How much of a piece is digested before other streams have their turn, where streams share the
 * lanes: what waits for them is at most that much of each.
 */
const TURN_BYTES = 0x10000;

const MEMBERS = ['bits', 'secret', 'scope', 'signal'];

/**
 * Resolves to the key of a stream's raw bytes, equal to `sha256Hex` (or `scoped`) of all of them
 * together: a Web `ReadableStream`, a Node `Readable` or any other async iterable, a `Blob` or a
 * `File`. One piece is read at a time and none is kept, so memory stays constant.
 *
 * An error of the stream passes through as it is, and a stream whose reading was begun but not
 * ended is cancelled. A Node stream that was read before is refused; a web stream that somebody
 * else has read to its end cannot be told from an empty one.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if it is no stream, or one that was read before, or a
 * piece is neither bytes nor text; otherwise as `scoped`.
 * @example
 * (await keyOfStream(new Blob(['ab', 'c']))) === sha256Hex('abc'); // true
 */
export async function keyOfStream(stream: ByteStream, options?: KeyOfStreamOptions): Promise<Key> {
  if (options !== undefined) requireMembers(options, MEMBERS, 'options');
  const { bits, hmac } = toKeyFormat(options ?? {});
  const signal = toSignal(options?.signal);
  const engine = streamEngine();
  const turnBytes = engine.lanesFor === undefined ? Number.MAX_SAFE_INTEGER : TURN_BYTES;
  const digester = createDigester(hmac, engine);
  if (options !== undefined && 'scope' in options) {
    digester.update(framePrefix(toScopes(options.scope)));
  }
  let own = new Uint8Array();
  for await (const piece of pieces(stream, signal)) {
    const given = toBytes(piece, 'hash a piece of the stream');
    let bytes = given;
    if (given.length > turnBytes) {
      // Whoever gave it may use it again while others have their turn. One copy after another in one
      // place: as garbage they would be 32 MiB before they are collected.
      if (own.length < given.length) own = new Uint8Array(given.length);
      own.set(given);
      bytes = own.subarray(0, given.length);
    }
    for (let at = 0; at < bytes.length; at += turnBytes) {
      if (at > 0) await null;
      digester.update(bytes.subarray(at, at + turnBytes));
    }
  }
  return toKey(KEY_PREFIX + toHex(digester.finish()), bits);
}

function toSignal(signal: unknown): Signal | undefined {
  if (signal === undefined || typeof (signal as Signal | null)?.addEventListener === 'function') {
    return signal as Signal | undefined;
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use the signal: it is ${nameOf(signal)}, not an AbortSignal`,
  );
}
