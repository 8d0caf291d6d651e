import { type AbortSource, whenAborted } from '../once/abort.js';
import { own } from '../options/own.js';
import { joinChunks } from './chunks.js';
import { HttpError, SlowReaderError } from './errors.js';
import { type HeldBytes, type Share, type Spillable, weakly } from './held-bytes.js';

export interface RecordingOptions {
  /** How much is recorded for later subscribers and for the store. */
  readonly maxBytes: number;
  /** How far a reader may fall behind once the stream is longer than that. */
  readonly maxUnreadBytes: number;
  /** The account of all that the process holds. */
  readonly held?: HeldBytes | undefined;
}

/** From this number on, small chunks are joined up to a size: a chunk takes 400 bytes beside its content. */
const MANY_CHUNKS = 1024;
const TOGETHER_BYTES = 64 * 1024;
const CHUNK_BYTES = 400;
const COPIED_BYTES = 1024 * 1024;

const NONE: readonly Uint8Array[] = [];

/** The position of a reader. */
interface Reader {
  /** How many of all chunks it has read. */
  readCount: number;
  unreadBytes: number;
  /** Whether its next bytes are being read from the file. */
  isReadingFile: boolean;
  /** Called when there is another chunk, or the end. */
  wake(): void;
  fail(error: unknown): void;
}

/** A signal may live as long as the process. It must not keep an unread body in memory. */
function failWhenAborted(reader: Reader, signal: AbortSource): () => void {
  const found = weakly(reader);
  return whenAborted(signal, () => found()?.fail(signal.reason));
}

/**
 * A stream with many readers. Each reads it from the beginning, and receives new chunks in the turn in
 * which they arrive.
 *
 * The recording holds the stream once for all readers, up to `maxBytes`. A longer stream is not held as
 * a whole: no reader can subscribe any longer, only unread chunks are held, and the source waits for
 * the fastest reader. A reader that falls too far behind fails.
 *
 * If the process holds too much, the beginning of the stream moves to a file, from which each reader reads
 * in pieces.
 */
export class Recording implements Spillable {
  readonly #options: RecordingOptions;
  readonly #share: Share | undefined;
  readonly #readers = new Set<Reader>();
  #chunks: Uint8Array[] = [];
  #compactsAt = MANY_CHUNKS;
  /** How many chunks from the beginning were dropped, or are in the file. */
  #droppedCount = 0;
  #byteCount = 0;
  /** How many bytes `#chunks` have. */
  #chunkBytes = 0;
  /** Whether all of it is still needed, to be stored. */
  #isPinned = true;
  #end: { readonly hasFailed: boolean; readonly error: unknown } | undefined;
  #wakeSource = () => {};

  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#share = own(options, 'held')?.open(this);
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

  /** The chunks in memory: all, while `isWhole` and nothing is in a file. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  /** Whether a part of it is in a file. */
  get isSpilled(): boolean {
    return (this.#share?.fileBytes ?? 0) > 0;
  }

  get isArriving(): boolean {
    return this.#end === undefined;
  }

  get isStalled(): boolean {
    return this.#readers.size > 0 && this.#leastUnreadBytes() > 0;
  }

  /** A longer stream is held in part only, and is never stored. */
  get movable(): readonly Uint8Array[] {
    return this.isWhole ? this.#chunks : NONE;
  }

  moved(chunkCount: number, byteCount: number): boolean {
    // It has become too long since, and has dropped some of them.
    if (!this.isWhole) return false;
    this.#chunks.splice(0, chunkCount);
    this.#chunkBytes -= byteCount;
    this.#droppedCount += chunkCount;
    // A reader of the file continues with the first chunk behind it.
    for (const reader of this.#readers) {
      reader.readCount = Math.max(reader.readCount, this.#droppedCount);
    }
    this.#count();
    return true;
  }

  /** Adds a chunk, which must not change later, and wakes the readers. */
  write(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#byteCount += chunk.length;
    this.#chunkBytes += chunk.length;
    for (const reader of this.#readers) {
      reader.unreadBytes += chunk.length;
      reader.wake();
    }
    this.#forget();
    const isMoving = this.#share !== undefined && this.#share.movingBytes > 0;
    if (this.#chunks.length >= this.#compactsAt && !isMoving) this.#compact();
    this.#count();
  }

  /** Whether the process holds so much that the source must wait, until `affordable` resolves. */
  get isTooMuch(): boolean {
    return this.#share?.mustWait ?? false;
  }

  async affordable(isOver: () => boolean): Promise<void> {
    await this.#share?.room(isOver);
  }

  /** Lets the source look again whether it has to wait. */
  wakeSource(): void {
    this.#wakeSource();
    this.#share?.touch();
  }

  /**
   * Copies all of it, while `isWhole`, after its end: from the file in pieces.
   *
   * @throws what the file throws.
   */
  async copyTo(target: Uint8Array): Promise<void> {
    const share = this.#share;
    let at = 0;
    // More may move to the file in the meantime.
    while (share?.file !== undefined && at < share.fileBytes) {
      const piece = await share.file.read(at, Math.min(COPIED_BYTES, share.fileBytes - at));
      target.set(piece, at);
      at += piece.length;
    }
    for (const chunk of this.#chunks) {
      target.set(chunk, at);
      at += chunk.length;
    }
  }

  /** It is stored, or will not be: only readers need it from now on. */
  unpin(): void {
    this.#isPinned = false;
    this.#dropIfUnneeded();
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
    const giveFromFile = async (share: Share) => {
      const position = this.#byteCount - reader.unreadBytes;
      const length = Math.min(TOGETHER_BYTES, share.fileBytes - position);
      reader.isReadingFile = true;
      let piece: Uint8Array | undefined;
      try {
        piece = await share.file?.read(position, length);
      } catch {
        // The message of a file names its path.
      }
      reader.isReadingFile = false;
      if (!this.#readers.has(reader)) return;
      if (piece === undefined) return reader.fail(unreadable());
      reader.unreadBytes -= length;
      isAsking = false;
      controller.enqueue(piece);
      this.#progress();
    };
    const give = () => {
      if (!isAsking || reader.isReadingFile) return;
      const share = this.#share;
      if (share !== undefined && this.#byteCount - reader.unreadBytes < share.fileBytes) {
        void giveFromFile(share);
        return;
      }
      const chunk = this.#unread(reader);
      if (chunk !== undefined) {
        isAsking = false;
        reader.readCount++;
        reader.unreadBytes -= chunk.length;
        // A copy, so that a reader that changes a chunk does not affect the others. `slice` of a
        // `Buffer` would not copy.
        controller.enqueue(new Uint8Array(chunk));
        this.#progress();
      } else if (this.#end !== undefined) {
        if (this.#end.hasFailed) return reader.fail(this.#end.error);
        controller.close();
        stop();
      }
    };
    const reader: Reader = {
      readCount: this.#droppedCount,
      unreadBytes: this.#byteCount,
      isReadingFile: false,
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

  /** A reader has read more. */
  #progress(): void {
    this.#forget();
    this.wakeSource();
  }

  #count(): void {
    this.#share?.set(this.#chunkBytes + CHUNK_BYTES * this.#chunks.length);
  }

  #dropIfUnneeded(): void {
    if (this.#isPinned || this.#end === undefined || this.#readers.size > 0) return;
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#share?.close();
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
    for (const { length } of this.#chunks.splice(0, readByAll - this.#droppedCount)) {
      this.#chunkBytes -= length;
    }
    this.#droppedCount = readByAll;
    this.#count();
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
    this.#progress();
    this.#dropIfUnneeded();
    return true;
  }

  #settle(end: { readonly hasFailed: boolean; readonly error: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const reader of this.#readers) reader.wake();
    this.wakeSource();
    this.#dropIfUnneeded();
  }
}

const unreadable = () =>
  new HttpError(
    'SAMEKEY_BROKEN_RESPONSE',
    'Cannot continue to read: the part of the response that was moved to a file cannot be read, wanted another attempt',
  );
