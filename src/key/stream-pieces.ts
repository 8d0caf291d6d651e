import { fail, nameOf } from '../errors/errors.js';

/**
 * The members of a `ReadableStream` that are used. This type matches the streams of the DOM, Node
 * and every other platform, without their declarations.
 */
export interface WebStream {
  /** Locks the stream and returns its reader. */
  getReader(): {
    /** Resolves to the next piece, or to `done` at the end. */
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    /** Tells the source that no more pieces are wanted. */
    cancel(reason?: unknown): Promise<unknown>;
    /** Unlocks the stream for other readers. */
    releaseLock(): void;
  };
}

/** The members of an `AbortSignal` that are used. */
export interface Signal {
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Streams that were read here. A second reading would return the key of empty content. */
const begun = /* @__PURE__ */ new WeakSet<object>();

function requireUnread(stream: object, wasRead = begun.has(stream)): void {
  if (wasRead) {
    fail(TypeError, 'SAMEKEY_BAD_ARGUMENT', 'Cannot read the stream: it was read before');
  }
}

function begin(stream: object): void {
  requireUnread(stream);
  begun.add(stream);
}

/** Returns the pieces of any stream that `keyOfStream` accepts. */
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
    // Streams are read through their reader, because Safari cannot iterate a ReadableStream.
    if (typeof source.getReader === 'function') return read(source as WebStream, signal);
    if (typeof source.stream === 'function')
      return read((source as { stream(): WebStream }).stream(), signal);
    const name =
      typeof source[Symbol.asyncIterator] === 'function' ? Symbol.asyncIterator : Symbol.iterator;
    const open = source[name];
    if (!ArrayBuffer.isView(source) && typeof open === 'function') {
      if (typeof source.destroy === 'function') {
        // A reader of a Node `Readable` may have put its data back (`unshift`).
        requireUnread(source, source.readableDidRead === true && !source.readableLength);
        begin(source);
      }
      const iterator = open.call(source) as AsyncIterator<unknown>;
      // A generator, for example. Other iterables give a fresh iterator to each reader.
      if (iterator === (source as unknown)) begin(source);
      return signal === undefined
        ? ({ [name]: () => iterator } as unknown as AsyncIterable<unknown>)
        : abortable(source, iterator, signal);
    }
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot read the stream: it is ${nameOf(stream)}, wanted a ReadableStream, an async iterable or a Blob`,
  );
}

async function* read(stream: WebStream, signal: Signal | undefined) {
  // Before the stream is locked. Afterwards it counts as read: it may be locked by another reader.
  requireUnread(stream);
  const reader = stream.getReader();
  begun.add(stream);
  let isDone = false;
  // Cancelling the reader settles the pending read. A failing or hanging `cancel` of the stream
  // does not matter.
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

/** Reads any other iterable. On abort a Node `Readable` is destroyed, and a generator returns. */
async function* abortable(source: object, iterator: AsyncIterator<unknown>, signal: Signal) {
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
 * Returns the next piece, or rejects when the signal is aborted. Each piece gets its own promise:
 * racing every piece against one long-lived promise would keep all pieces in memory.
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

async function stop(source: object, iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    const { destroy } = source as { destroy?: unknown };
    if (typeof destroy === 'function') destroy.call(source);
    // Not awaited: a generator that is waiting returns only after its wait.
    else Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {
    // The caller receives the reason of the abort instead.
  }
}
