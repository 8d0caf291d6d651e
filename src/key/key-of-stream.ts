import { toHex } from '../engine/hex.js';
import { streamEngine } from '../engine/select.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { type Content, toBytes } from '../hash/content.js';
import { createDigester } from '../hash/hmac.js';
import { own } from '../options/own.js';
import { framePrefix, type Scope, toScopes } from './frame.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import { type KeyFormatOptions, toKeyFormat } from './key-format.js';
import { pieces, type Signal, type WebStream } from './stream-pieces.js';

/** Raw bytes that arrive in pieces. A piece of text counts as its UTF-8 bytes. */
export type ByteStream =
  | WebStream
  | AsyncIterable<unknown>
  | (Iterable<Content> & object)
  | {
      /** Returns a stream of the bytes, as a `Blob` does. */
      stream(): WebStream;
    };

/** The options of `keyOfStream`. */
export interface KeyOfStreamOptions extends KeyFormatOptions {
  /** Tenant, operation or environment. The same bytes in another scope get another key. */
  readonly scope?: Scope;
  /** Stops reading when aborted. The promise then rejects with the reason of the signal. */
  readonly signal?: Signal;
}

/**
 * How much of a piece is digested before other streams get their turn, when streams share the
 * lanes. At most this many bytes of each stream are pending.
 */
const TURN_BYTES = 0x10000;

const MEMBERS = ['bits', 'secret', 'scope', 'signal'];

/**
 * Resolves to the key of the raw bytes of a stream. It equals `sha256Hex` (or `scoped`) of all
 * bytes. The stream is a Web `ReadableStream`, a Node `Readable` or any other async iterable, a
 * `Blob` or a `File`. Pieces are read one at a time and not kept, so memory use is constant.
 *
 * An error of the stream is thrown unchanged. If reading fails, the stream is cancelled. A stream, a
 * generator or an iterator that `keyOfStream` has read is rejected, and so is a Node stream that was
 * read to its end. What else was read before cannot be seen: its key is that of the rest.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if it is not a stream, was read before, or has a piece
 * that is neither bytes nor text; otherwise as `scoped`.
 * @example
 * (await keyOfStream(new Blob(['ab', 'c']))) === sha256Hex('abc'); // true
 */
export async function keyOfStream(stream: ByteStream, options?: KeyOfStreamOptions): Promise<Key> {
  if (options !== undefined) requireMembers(options, MEMBERS, 'options');
  const { bits, hmac } = toKeyFormat(options ?? {});
  const signal = toSignal(options && own(options, 'signal'));
  const engine = streamEngine();
  const turnBytes = engine.lanes === undefined ? Number.MAX_SAFE_INTEGER : TURN_BYTES;
  const digester = createDigester(hmac, engine);
  if (options && Object.hasOwn(options, 'scope')) {
    digester.update(framePrefix(toScopes(options.scope)));
  }
  let copy = new Uint8Array();
  for await (const piece of pieces(stream, signal)) {
    const given = toBytes(piece, 'hash a piece of the stream');
    let bytes = given;
    if (given.length > turnBytes) {
      // A copy, because the producer may reuse the piece while other streams have their turn. The
      // buffer is reused: as garbage, copies would reach 32 MiB before they are collected.
      if (copy.length < given.length) copy = new Uint8Array(given.length);
      copy.set(given);
      bytes = copy.subarray(0, given.length);
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
    `Cannot use the signal: it is ${nameOf(signal)}, wanted an AbortSignal`,
  );
}
