import { type AbortSource, whenAborted } from '../once/abort.js';
import { joinChunks } from './chunks.js';
import { SlowReaderError } from './errors.js';

export interface RecordingOptions {
  /** How much is recorded for later subscribers and for the store. */
  readonly maxBytes: number;
  /** How far a reader may fall behind once the stream is longer than that. */
  readonly maxUnreadBytes: number;
}

/** From this number on, small chunks are joined up to a size: a chunk takes 400 bytes beside its content. */
const MANY_CHUNKS = 1024;
const TOGETHER_BYTES = 64 * 1024;

/** The position of a reader. */
interface Reader {
  /** How many of all chunks it has read. */
  readCount: number;
  unreadBytes: number;
  /** Called when there is another chunk, or the end. */
  wake(): void;
  fail(error: unknown): void;
}

/** A signal may live as long as the process. It must not keep an unread body in memory. */
function failWhenAborted(reader: Reader, signal: AbortSource): () => void {
  const found = weakly(reader);
  return whenAborted(signal, () => found()?.fail(signal.reason));
}

/** Some platforms have no `WeakRef`. */
function weakly<T extends object>(held: T): () => T | undefined {
  if (typeof WeakRef === 'undefined') return () => held;
  return derefOf(new WeakRef(held));
}

/** A function of its own, so that its closure does not hold the object. */
const derefOf =
  <T extends object>(reference: WeakRef<T>) =>
  () =>
    reference.deref();

/**
 * A stream with many readers. Each reads it from the beginning, and receives new chunks in the turn in
 * which they arrive.
 *
 * The recording holds the stream once for all readers, up to `maxBytes`. A longer stream is not held as
 * a whole: no reader can subscribe any longer, only unread chunks are held, and the source waits for
 * the fastest reader. A reader that falls too far behind fails.
 */
export class Recording {
  readonly #options: RecordingOptions;
  readonly #readers = new Set<Reader>();
  #chunks: Uint8Array[] = [];
  #compactsAt = MANY_CHUNKS;
  /** How many chunks from the beginning were dropped. */
  #droppedCount = 0;
  #byteCount = 0;
  #end: { readonly hasFailed: boolean; readonly error: unknown } | undefined;
  #wakeSource = () => {};

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  /** Whether the recording holds everything from the beginning. */
  get isWhole(): boolean {
    return this.#byteCount <= this.#options.maxBytes;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** All chunks, while `isWhole`. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  /** Adds a chunk, which must not change later, and wakes the readers. */
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

  /** Resolves when more may be written: at once while `isWhole`, without readers, or after the end. */
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
    this.#settle({ hasFailed: false, error: undefined });
  }

  fail(error: unknown): void {
    this.#settle({ hasFailed: true, error });
  }

  /**
   * Returns the stream from its beginning. Call it only while `isWhole`. An abort of the signal errors
   * the stream. `onUnsubscribe` is called when the reader has read everything or has cancelled.
   */
  read(signal?: AbortSource, onUnsubscribe: () => void = () => {}): ReadableStream<Uint8Array> {
    let stopListening = () => {};
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    /** Whether the stream asks for a chunk: a flag, because a promise would delay each chunk. */
    let isAsking = false;
    const stop = () => {
      isAsking = false;
      stopListening();
      if (this.#removeReader(reader)) onUnsubscribe();
    };
    const give = () => {
      if (!isAsking) return;
      const chunk = this.#unread(reader);
      if (chunk !== undefined) {
        isAsking = false;
        reader.readCount++;
        reader.unreadBytes -= chunk.length;
        // A copy, so that a reader that changes a chunk does not affect the others. `slice` of a
        // `Buffer` would not copy.
        controller.enqueue(new Uint8Array(chunk));
        this.#forget();
        this.#wakeSource();
      } else if (this.#end !== undefined) {
        if (this.#end.hasFailed) return reader.fail(this.#end.error);
        controller.close();
        stop();
      }
    };
    const reader: Reader = {
      readCount: 0,
      unreadBytes: this.#byteCount,
      wake: give,
      fail: (error) => {
        controller.error(error);
        stop();
      },
    };
    this.#readers.add(reader);
    return new ReadableStream<Uint8Array>(
      {
        start: (own) => {
          controller = own;
          if (signal?.aborted) reader.fail(signal.reason);
          else if (signal) stopListening = failWhenAborted(reader, signal);
        },
        pull: () => {
          isAsking = true;
          give();
        },
        cancel: stop,
      },
      // No chunk is copied before the reader pulls.
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

  /** Once the stream is too long: fails readers that are too far behind, and drops chunks that all have read. */
  #forget(): void {
    if (this.isWhole) return;
    const { maxUnreadBytes } = this.#options;
    // The source waits for the fastest reader, which therefore never fails.
    const mostUnreadBytes = Math.max(maxUnreadBytes, this.#leastUnreadBytes());
    for (const reader of this.#readers) {
      if (reader.unreadBytes > mostUnreadBytes) reader.fail(new SlowReaderError(maxUnreadBytes));
    }
    let readByAll = this.#droppedCount + this.#chunks.length;
    for (const { readCount } of this.#readers) readByAll = Math.min(readByAll, readCount);
    this.#chunks.splice(0, readByAll - this.#droppedCount);
    this.#droppedCount = readByAll;
  }

  /** Joins small chunks, but never across the position of a reader. */
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

  #settle(end: { readonly hasFailed: boolean; readonly error: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const reader of this.#readers) reader.wake();
    this.#wakeSource();
  }
}
