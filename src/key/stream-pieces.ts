import { fail, nameOf } from '../errors/errors.js';

/**
 * What is used of a `ReadableStream`. The DOM's, Node's and every other platform's own is one, and
 * none of their declarations is needed to say so.
 */
export interface WebStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<unknown>;
    releaseLock(): void;
  };
}

/** What is used of an `AbortSignal`. */
export interface Signal {
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Streams that were begun here. They have nothing to give twice: that would be the key of nothing. */
const begun = /* @__PURE__ */ new WeakSet<object>();

function begin(stream: object): void {
  if (begun.has(stream)) refuseRead();
  begun.add(stream);
}

function refuseRead(): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    'Cannot read the stream: it was read before, give one that still has its first byte',
  );
}

/** The pieces of whatever `keyOfStream` takes. */
export function pieces(
  stream: unknown,
  signal: Signal | undefined,
): AsyncIterable<unknown> | Iterable<unknown> {
  const source = stream as {
    getReader?: unknown;
    destroy?: unknown;
    stream?: unknown;
    readableDidRead?: unknown;
    readableLength?: unknown;
    [Symbol.asyncIterator]?: unknown;
    [Symbol.iterator]?: unknown;
  } | null;
  if (typeof source === 'object' && source !== null) {
    // Safari cannot iterate a ReadableStream, so none is iterated.
    if (typeof source.getReader === 'function') return read(source as WebStream, signal);
    if (typeof source.stream === 'function')
      return read((source as { stream(): WebStream }).stream(), signal);
    if (
      !ArrayBuffer.isView(source) &&
      (typeof source[Symbol.asyncIterator] === 'function' ||
        typeof source[Symbol.iterator] === 'function')
    ) {
      if (typeof source.destroy === 'function') beginReadable(source);
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

/** A Node `Readable`: whoever has read from it may have put what it read back (`unshift`). */
function beginReadable(stream: { readableDidRead?: unknown; readableLength?: unknown }): void {
  if (stream.readableDidRead === true && !stream.readableLength) refuseRead();
  begin(stream);
}

async function* read(stream: WebStream, signal: Signal | undefined) {
  const reader = stream.getReader();
  begin(stream);
  let isDone = false;
  // A cancelled reader settles the read that is under way. What the stream makes of it is its own
  // business: a `cancel` may fail, or never end.
  const cancel = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', cancel);
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
  } finally {
    signal?.removeEventListener('abort', cancel);
    if (!isDone) cancel();
    reader.releaseLock();
  }
}

/** Other iterables: a Node `Readable` is destroyed, a generator asked to return. */
async function* abortable(source: AsyncIterable<unknown>, signal: Signal) {
  const iterator = (source[Symbol.asyncIterator] ?? (source as never)[Symbol.iterator]).call(
    source,
  ) as AsyncIterator<unknown>;
  let isDone = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await nextOr(iterator, signal);
      if (done) {
        isDone = true;
        return;
      }
      yield value;
    }
  } finally {
    if (!isDone) await stop(source, iterator);
  }
}

/**
 * The next piece, unless the signal comes first. A promise for each: one promise that lives as long
 * as the stream, in a race with every piece, would keep every piece.
 */
function nextOr(
  iterator: AsyncIterator<unknown>,
  signal: Signal,
): Promise<IteratorResult<unknown>> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
    Promise.resolve(iterator.next())
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

async function stop(
  source: AsyncIterable<unknown>,
  iterator: AsyncIterator<unknown>,
): Promise<void> {
  try {
    const { destroy } = source as { destroy?: unknown };
    if (typeof destroy === 'function') destroy.call(source);
    // Not awaited: a generator that waits for something returns only when that has come.
    else Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {
    // The reason for stopping is the one to tell.
  }
}
