import { toBytes } from '../hash/content.js';
import type { Batch } from './batch.js';

/**
 * Large enough that sending a batch to a thread (50 µs) costs little beside its keys (1 ms and
 * more).
 */
export const BATCH_BYTES = 1 << 20;
/** After a pause of this length in the stream, the lines so far are processed, as for `tail -f`. */
const PAUSE_MS = 20;
const LINE_FEED = 0x0a;

/**
 * Yields the lines of a stream in blocks of about 1 MiB that end at the end of a line. A longer
 * line is a block of its own. A line longer than `maxLineBytes` is skipped.
 */
export async function* lineBatches(
  pieces: AsyncIterable<unknown> | Iterable<unknown>,
  maxLineBytes: number,
  batchBytes = BATCH_BYTES,
): AsyncGenerator<Batch, void, undefined> {
  const reader = new PausingReader(pieces);
  let lines = new LineBuffer(batchBytes, 0);
  let isDiscarding = false;
  /**
   * Removes the complete lines. The rest is copied first, because the batch is transferred to a
   * thread.
   */
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

/** Returns the index after the first line feed, or 0 if there is no line feed. */
function afterLineFeed(bytes: Uint8Array): number {
  return bytes.indexOf(LINE_FEED) + 1;
}

/** Consecutive lines; the last one may be incomplete. */
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

  /** Copies as much of the piece as fits. Returns the number of bytes. */
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

  /** Returns the incomplete last line in a new buffer. */
  rest(size: number): LineBuffer {
    const { partBytes } = this;
    const rest = new LineBuffer(Math.max(size, 2 * partBytes), partBytes);
    rest.#bytes.set(this.#bytes.subarray(this.wholeBytes, this.allBytes));
    return rest;
  }
}

/** Reads the pieces of a stream as bytes, and reports pauses. */
class PausingReader {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;
  #coming: Promise<IteratorResult<unknown>> | undefined;

  constructor(pieces: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#iterator =
      Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /**
   * Returns the next piece, `undefined` at the end, or `'pause'` if it takes longer than `pauseMs`.
   */
  async next(pauseMs: number | false): Promise<Uint8Array | 'pause' | undefined> {
    this.#coming ??= Promise.resolve(this.#iterator.next());
    if (pauseMs !== false && (await isSlow(this.#coming, pauseMs))) return 'pause';
    const { done, value } = await this.#coming;
    this.#coming = undefined;
    return done ? undefined : toBytes(await value, 'read a piece of the stream');
  }

  async end(): Promise<void> {
    const ended = Promise.resolve(this.#iterator.return?.()).catch(() => {});
    // An iterator that waits for its next piece ends only after that, which may never happen.
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
