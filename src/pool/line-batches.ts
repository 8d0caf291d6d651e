import { toBytes } from '../hash/content.js';
import type { Batch } from './batch.js';

/** Large enough that giving a batch to a thread (50 µs) is lost in making its keys (1 ms and more). */
export const BATCH_BYTES = 1 << 20;
/** A stream that pauses this long gets the keys of what is there: `tail -f` is not made to wait. */
const PAUSE_MS = 20;
const LINE_FEED = 0x0a;

/**
 * The lines of a stream in blocks of about 1 MiB that end where a line does. A line that is longer
 * than that is a block of its own; one longer than `maxLineBytes` is not held.
 */
export async function* lineBatches(
  pieces: AsyncIterable<unknown> | Iterable<unknown>,
  maxLineBytes: number,
  batchBytes = BATCH_BYTES,
): AsyncGenerator<Batch, void, undefined> {
  const reader = new PausingReader(pieces);
  let lines = new LineBuffer(batchBytes, 0);
  let isDiscarding = false;
  /** Takes the complete lines away; the rest is copied first, since the batch's bytes will be gone. */
  const cut = (): Batch => {
    const bytes = lines.whole();
    lines = lines.rest(batchBytes);
    return { bytes };
  };
  try {
    for (;;) {
      let piece: Uint8Array | 'pause' | undefined;
      try {
        piece = await reader.next(lines.wholeBytes > 0 && PAUSE_MS);
      } catch (error) {
        if (lines.wholeBytes > 0) yield cut();
        throw error;
      }
      if (piece === undefined) break;
      if (piece === 'pause') {
        yield cut();
        continue;
      }
      let at = isDiscarding ? afterLineFeed(piece) : 0;
      if (at > 0) isDiscarding = false;
      while (at < piece.length && !isDiscarding) {
        at += lines.take(piece.subarray(at));
        if (lines.partBytes > maxLineBytes) {
          if (lines.wholeBytes > 0) yield cut();
          yield { bytes: new Uint8Array(0), isTooLong: true };
          lines = new LineBuffer(batchBytes, 0);
          const next = afterLineFeed(piece.subarray(at));
          isDiscarding = next === 0;
          at += next;
        } else if (lines.isFull) {
          if (lines.wholeBytes > 0) yield cut();
          else lines = lines.rest(2 * lines.allBytes);
        }
      }
    }
    if (lines.allBytes > 0) yield { bytes: lines.all() };
  } finally {
    await reader.end();
  }
}

/** The index after the first line feed; 0 if there is none. */
function afterLineFeed(bytes: Uint8Array): number {
  return bytes.indexOf(LINE_FEED) + 1;
}

/** Lines one after the other, the last one not complete yet. */
class LineBuffer {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Bytes up to the last line feed. */
  wholeBytes = 0;
  allBytes: number;

  constructor(size: number, filled: number) {
    this.#bytes = new Uint8Array(size);
    this.allBytes = filled;
  }

  get partBytes(): number {
    return this.allBytes - this.wholeBytes;
  }

  get isFull(): boolean {
    return this.allBytes === this.#bytes.length;
  }

  /** Copies what there is room for; returns how much that is. */
  take(piece: Uint8Array): number {
    const taken = piece.subarray(0, this.#bytes.length - this.allBytes);
    this.#bytes.set(taken, this.allBytes);
    const lineFeed = taken.lastIndexOf(LINE_FEED);
    if (lineFeed !== -1) this.wholeBytes = this.allBytes + lineFeed + 1;
    this.allBytes += taken.length;
    return taken.length;
  }

  whole(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.wholeBytes);
  }

  all(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.allBytes);
  }

  /** The line that is not complete, in a buffer of its own. */
  rest(size: number): LineBuffer {
    const { partBytes } = this;
    const rest = new LineBuffer(Math.max(size, 2 * partBytes), partBytes);
    rest.#bytes.set(this.#bytes.subarray(this.wholeBytes, this.allBytes));
    return rest;
  }
}

/** Pieces of a stream as bytes, and news of when none comes for a while. */
class PausingReader {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;
  #coming: Promise<IteratorResult<unknown>> | undefined;

  constructor(pieces: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#iterator =
      Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /** The next piece, or `undefined` at the end, or `'pause'` if it takes longer than `pauseMs`. */
  async next(pauseMs: number | false): Promise<Uint8Array | 'pause' | undefined> {
    this.#coming ??= Promise.resolve(this.#iterator.next());
    if (pauseMs !== false && (await isSlow(this.#coming, pauseMs))) return 'pause';
    const { done, value } = await this.#coming;
    this.#coming = undefined;
    return done ? undefined : toBytes(await value, 'read a piece of the stream');
  }

  async end(): Promise<void> {
    const ended = Promise.resolve(this.#iterator.return?.()).catch(() => {});
    // An iterator that waits for its next piece ends after that, which may be never.
    if (this.#coming === undefined) await ended;
  }
}

function isSlow(promise: Promise<unknown>, pauseMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, pauseMs, true);
    const isHere = () => {
      clearTimeout(timer);
      resolve(false);
    };
    promise.then(isHere, isHere);
  });
}
