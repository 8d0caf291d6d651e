import { type AbortSource, whenAborted } from '../once/abort.js';
import { joinChunks } from './chunks.js';
import { SlowReaderError } from './errors.js';

export interface RecordingOptions {
  /** How much is kept for those who join later, and for the store. */
  readonly maxBytes: number;
  /** How far a reader may fall behind once it is not all kept any longer. */
  readonly maxUnreadBytes: number;
}

/** So many chunks are put together, up to so many bytes: one costs 400 bytes beside its own. */
const MANY_CHUNKS = 1024;
const TOGETHER_BYTES = 64 * 1024;

/** How far a reader is. */
interface Reader {
  /** Of all chunks that ever came, how many it has had. */
  readCount: number;
  unreadBytes: number;
  /** Tells it that there is more, or an end. */
  wake(): void;
  fail(error: unknown): void;
}

/** A signal may live as long as the process, and a body that nobody reads should not. */
function failWhenAborted(reader: Reader, signal: AbortSource): () => void {
  const found = weakly(reader);
  return whenAborted(signal, () => found()?.fail(signal.reason));
}

/** Not every platform lets go. */
function weakly<T extends object>(held: T): () => T | undefined {
  if (typeof WeakRef === 'undefined') return () => held;
  return derefOf(new WeakRef(held));
}

/** Apart from what it must not hold. */
const derefOf =
  <T extends object>(reference: WeakRef<T>) =>
  () =>
    reference.deref();

/**
 * A stream that is read by many: each gets it from the beginning, and what is new in the turn in
 * which it arrives.
 *
 * What has come is kept once for all, up to `maxBytes`. A longer stream cannot be kept whole: from
 * then on nobody can join, only what some reader has not had yet is kept, and the source is asked to
 * wait for the fastest reader. Who is slower than that and too far behind is turned away.
 */
export class Recording {
  readonly #options: RecordingOptions;
  readonly #readers = new Set<Reader>();
  #chunks: Uint8Array[] = [];
  #compactsAt = MANY_CHUNKS;
  /** How many chunks from the beginning are not kept any longer. */
  #droppedCount = 0;
  #byteCount = 0;
  #end: { readonly error?: unknown } | undefined;
  #wakeSource = () => {};

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  /** Whether all that has come is kept. */
  get isWhole(): boolean {
    return this.#byteCount <= this.#options.maxBytes;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** All that has come, while `isWhole`. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  /** Adds a chunk, which nobody changes any longer, and tells all who wait. */
  write(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#byteCount += chunk.length;
    for (const reader of this.#readers) {
      reader.unreadBytes += chunk.length;
      reader.wake();
    }
    this.#forget();
    if (this.#chunks.length >= this.#compactsAt) this.#compact();
  }

  /** Resolves when more may be written: at once while all is kept, or nobody reads, or it has ended. */
  async room(): Promise<void> {
    while (
      this.#end === undefined &&
      !this.isWhole &&
      this.#readers.size > 0 &&
      this.#leastUnreadBytes() > 0
    ) {
      await new Promise<void>((resolve) => {
        this.#wakeSource = resolve;
      });
    }
  }

  end(): void {
    this.#settle({});
  }

  fail(error: unknown): void {
    this.#settle({ error });
  }

  /**
   * The stream, from the beginning; to be asked for only while `isWhole`. When the signal aborts it
   * ends with its reason. `onUnsubscribe` is called when the reader has had everything, or wants no more.
   */
  read(signal?: AbortSource, onUnsubscribe: () => void = () => {}): ReadableStream<Uint8Array> {
    let stopListening = () => {};
    let resume = () => {};
    const reader: Reader = {
      readCount: 0,
      unreadBytes: this.#byteCount,
      wake: () => resume(),
      fail: () => {},
    };
    const stop = () => {
      stopListening();
      resume();
      if (this.#removeReader(reader)) onUnsubscribe();
    };
    this.#readers.add(reader);
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          reader.fail = (error) => {
            controller.error(error);
            stop();
          };
          if (signal?.aborted) reader.fail(signal.reason);
          else if (signal) stopListening = failWhenAborted(reader, signal);
        },
        pull: async (controller) => {
          while (this.#readers.has(reader) && this.#unread(reader) === undefined) {
            if (this.#end !== undefined) {
              if ('error' in this.#end) return reader.fail(this.#end.error);
              controller.close();
              return stop();
            }
            await new Promise<void>((resolve) => {
              resume = resolve;
            });
          }
          const chunk = this.#unread(reader);
          if (chunk === undefined || !this.#readers.has(reader)) return;
          reader.readCount++;
          reader.unreadBytes -= chunk.length;
          // Its own: what one reader does to a chunk must not reach the others. Not `slice`, which of
          // a `Buffer` is no copy.
          controller.enqueue(new Uint8Array(chunk));
          this.#forget();
          this.#wakeSource();
        },
        cancel: stop,
      },
      // Nothing is copied for a reader before it asks.
      { highWaterMark: 0 },
    );
  }

  #unread(reader: Reader): Uint8Array | undefined {
    return this.#chunks[reader.readCount - this.#droppedCount];
  }

  #leastUnreadBytes(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { unreadBytes } of this.#readers) least = Math.min(least, unreadBytes);
    return least;
  }

  /** Where it is not all kept: turns away who is too far behind, and drops what all have had. */
  #forget(): void {
    if (this.isWhole) return;
    const { maxUnreadBytes } = this.#options;
    // The fastest is never too slow: the source waits for it.
    const mostUnreadBytes = Math.max(maxUnreadBytes, this.#leastUnreadBytes());
    for (const reader of this.#readers) {
      if (reader.unreadBytes > mostUnreadBytes) reader.fail(new SlowReaderError(maxUnreadBytes));
    }
    let readByAll = this.#droppedCount + this.#chunks.length;
    for (const { readCount } of this.#readers) readByAll = Math.min(readByAll, readCount);
    this.#chunks.splice(0, readByAll - this.#droppedCount);
    this.#droppedCount = readByAll;
  }

  /** Puts small chunks together, but none that a reader has had with one that it has not. */
  #compact(): void {
    const chunks: Uint8Array[] = [];
    const placeOf = new Map<number, number>();
    for (const { readCount } of this.#readers) placeOf.set(readCount - this.#droppedCount, 0);
    let run: Uint8Array[] = [];
    let byteCount = 0;
    const endRun = () => {
      if (run.length > 0) chunks.push(joinChunks(run, byteCount));
      run = [];
      byteCount = 0;
    };
    for (const [place, chunk] of this.#chunks.entries()) {
      if (byteCount + chunk.length > TOGETHER_BYTES) endRun();
      if (placeOf.has(place)) {
        endRun();
        placeOf.set(place, chunks.length);
      }
      run.push(chunk);
      byteCount += chunk.length;
    }
    endRun();
    placeOf.set(this.#chunks.length, chunks.length);
    for (const reader of this.#readers) {
      const place = placeOf.get(reader.readCount - this.#droppedCount) as number;
      reader.readCount = this.#droppedCount + place;
    }
    this.#chunks = chunks;
    this.#compactsAt = Math.max(MANY_CHUNKS, 2 * chunks.length);
  }

  #removeReader(reader: Reader): boolean {
    if (!this.#readers.delete(reader)) return false;
    this.#forget();
    this.#wakeSource();
    return true;
  }

  #settle(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const reader of this.#readers) reader.wake();
    this.#wakeSource();
  }
}
