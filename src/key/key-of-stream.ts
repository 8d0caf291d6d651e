import { toHex } from '../engine/hex.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { toBytes } from '../hash/content.js';
import { createDigester } from '../hash/hmac.js';
import { framePrefix, type Scope, toScopes } from './frame.js';
import { type Key, toKey } from './key.js';
import { type KeyFormatOptions, toKeyFormat } from './key-format.js';

/** Streams that were begun: they have nothing to give a second time, which would be the key of nothing. */
const begun = /* @__PURE__ */ new WeakSet<object>();

/** Refuses a stream that somebody, here or elsewhere, has read from. */
function requireUnread(stream: object): void {
  if (begun.has(stream) || (stream as { readableDidRead?: unknown }).readableDidRead === true) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot read the stream: it was read before, use one that gives its first byte',
    );
  }
  begun.add(stream);
}

/** Raw bytes that arrive in pieces. Pieces that are text count as their UTF-8. */
export type ByteStream =
  | ReadableStream<unknown>
  | AsyncIterable<unknown>
  | Iterable<unknown>
  | Blob;

export interface KeyOfStreamOptions extends KeyFormatOptions {
  readonly scope?: Scope;
  /** Stops reading; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

const MEMBERS = ['bits', 'secret', 'scope', 'signal'];

/**
 * Resolves to the key of a stream's raw bytes, equal to `sha256Hex` (or `scoped`) of all of them
 * together: a Web `ReadableStream`, a Node `Readable` or any other async iterable, a `Blob` or a
 * `File`. One piece is read at a time and none is kept, so memory stays constant.
 *
 * An error of the stream passes through as it is; a stream that is not read to its end, for
 * whatever reason, is cancelled.
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
  const digester = createDigester(hmac);
  if (options !== undefined && 'scope' in options) {
    digester.update(framePrefix(toScopes(options.scope)));
  }
  for await (const piece of pieces(stream, signal)) {
    digester.update(toBytes(piece, 'hash a piece of the stream'));
  }
  return toKey(toHex(digester.finish()), bits);
}

function toSignal(signal: unknown): AbortSignal | undefined {
  if (
    signal === undefined ||
    typeof (signal as AbortSignal | null)?.throwIfAborted === 'function'
  ) {
    return signal as AbortSignal | undefined;
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use the signal: it is ${nameOf(signal)}, not an AbortSignal`,
  );
}

function pieces(
  stream: unknown,
  signal: AbortSignal | undefined,
): AsyncIterable<unknown> | Iterable<unknown> {
  const source = stream as {
    getReader?: unknown;
    destroy?: unknown;
    stream?: unknown;
    [Symbol.asyncIterator]?: unknown;
    [Symbol.iterator]?: unknown;
  } | null;
  if (typeof source === 'object' && source !== null) {
    // Safari cannot iterate a ReadableStream, so none is iterated.
    if (typeof source.getReader === 'function') {
      requireUnread(source);
      return read(source as ReadableStream, signal);
    }
    if (typeof source.stream === 'function') return read((source as Blob).stream(), signal);
    if (
      !ArrayBuffer.isView(source) &&
      (typeof source[Symbol.asyncIterator] === 'function' ||
        typeof source[Symbol.iterator] === 'function')
    ) {
      if (typeof source.destroy === 'function') requireUnread(source);
      return signal === undefined
        ? (source as AsyncIterable<unknown>)
        : abortable(source as AsyncIterable<unknown>, signal);
    }
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot read the stream: it is ${nameOf(stream)}, wanted a ReadableStream, an async iterable or a Blob`,
  );
}

async function* read(stream: ReadableStream, signal: AbortSignal | undefined) {
  const reader = stream.getReader();
  let reason: unknown;
  let isDone = false;
  const abort = () => {
    // Settles the read that is under way, too.
    reader.cancel(signal?.reason).catch(() => {});
  };
  signal?.addEventListener('abort', abort);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) {
        isDone = true;
        return;
      }
      yield value;
    }
  } catch (error) {
    reason = error;
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    if (!isDone) await reader.cancel(reason).catch(() => {});
    reader.releaseLock();
  }
}

/** Other iterables: a Node `Readable` is destroyed, a generator asked to return. */
async function* abortable(source: AsyncIterable<unknown>, signal: AbortSignal) {
  const iterator = (source[Symbol.asyncIterator] ?? (source as never)[Symbol.iterator]).call(
    source,
  ) as AsyncIterator<unknown>;
  let abort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  aborted.catch(() => {});
  let isDone = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = Promise.resolve(iterator.next());
      // It may fail after nobody waits for it any more.
      next.catch(() => {});
      const { done, value } = await Promise.race([aborted, next]);
      if (done) {
        isDone = true;
        return;
      }
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    if (!isDone) stop(source, iterator);
  }
}

function stop(source: AsyncIterable<unknown>, iterator: AsyncIterator<unknown>): void {
  const { destroy } = source as { destroy?: unknown };
  if (typeof destroy === 'function') destroy.call(source);
  // Not awaited: a generator that waits for something returns only when that has come.
  else void Promise.resolve(iterator.return?.()).catch(() => {});
}
