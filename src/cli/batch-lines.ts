import { counted, grouped } from '../text/counted.js';
import { printable } from '../text/printable.js';
import { EXIT, invalidInput, toCliError } from './exit-codes.js';
import { type Input, sizeOf, textBytesOf } from './input.js';
import { type LogLine, logLines, MAX_LINE_BYTES } from './log-lines.js';
import { Progress } from './progress.js';

/** A parsed line of JSON Lines. */
export interface ReadLine<T> {
  /** The number of the line, from 1. */
  readonly number: number;
  readonly value: T;
}

/** RFC 8259 §2. */
const BLANK = /^[ \t\r\n]*$/;
/** The size of a window. A larger one makes a store on disk write fewer pages. */
const WINDOW_LINES = 4096;
const WINDOW_CHARS = 1 << 23;
/** A shorter block of lines means that the input has paused. */
const SHORT_BLOCK_CHARS = 1 << 19;

/** What happens after an invalid line: the program ends, or the line is reported and the next one is read. */
export type AfterInvalid = 'end' | 'continue';

/** Makes a value of an invalid line, whose text may be cut off. The message names the line. */
type Repair<T> = (text: string, message: string) => T;

/** Reads the lines of an input in windows and shows a progress bar on a terminal. */
export class LineReader {
  readonly #input: Input;
  readonly #afterInvalid: AfterInvalid;
  readonly #onBytes: (piece: Uint8Array) => void;
  #progress: Progress | undefined;
  #byteCount = 0;
  lineCount = 0;
  skippedCount = 0;

  /** @param onBytes Called with each piece of the text before its lines are read. */
  constructor(
    input: Input,
    afterInvalid: AfterInvalid,
    onBytes: (piece: Uint8Array) => void = () => {},
  ) {
    this.#input = input;
    this.#afterInvalid = afterInvalid;
    this.#onBytes = onBytes;
  }

  /**
   * Yields the results of `read`, which throws for an invalid line, and those of `repair` for reported
   * lines. Blank lines are ignored.
   */
  async *windows<T>(
    read: (text: string, value: object, number: number) => T,
    repair?: Repair<T>,
  ): AsyncGenerator<ReadLine<T>[], void, undefined> {
    this.#progress = new Progress(await sizeOf(this.#input));
    try {
      let window: ReadLine<T>[] = [];
      let charCount = 0;
      for await (const lines of logLines(this.#bytes())) {
        const charCountBefore = charCount;
        for (const line of lines) {
          const number = ++this.lineCount;
          if (typeof line !== 'string' || !BLANK.test(line)) {
            const value = this.#read(line, number, read, repair);
            if (value !== undefined) window.push({ number, value });
          }
          if (typeof line === 'string') charCount += line.length;
        }
        const isPause = charCount - charCountBefore < SHORT_BLOCK_CHARS;
        if (window.length < WINDOW_LINES && charCount < WINDOW_CHARS && !isPause) continue;
        yield window;
        this.#progress.update(this.#byteCount, this.lineCount);
        window = [];
        charCount = 0;
      }
      if (window.length > 0) yield window;
      this.#progress.update(this.#byteCount, this.lineCount);
    } finally {
      this.#progress.end();
    }
  }

  /** Removes the progress bar. */
  end(): void {
    this.#progress?.end();
  }

  /** Reports how many lines were skipped. */
  summarize(): void {
    if (this.skippedCount === 0) return;
    const skipped = `${counted(this.skippedCount, 'line')} skipped of`;
    this.#report(`${skipped} ${counted(this.lineCount, 'line')}`);
  }

  async *#bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of textBytesOf(this.#input)) {
      this.#byteCount += piece.length;
      this.#onBytes(piece);
      yield piece;
    }
  }

  #read<T>(
    line: LogLine,
    number: number,
    read: (text: string, value: object, number: number) => T,
    repair: Repair<T> | undefined,
  ): T | undefined {
    try {
      if (typeof line !== 'string') {
        throw badLine(
          line.kind === 'tooLarge'
            ? `it has more than ${grouped(MAX_LINE_BYTES)} bytes, or more values than fit into memory`
            : 'it is not UTF-8',
        );
      }
      return read(line, parseObject(line), number);
    } catch (error) {
      const { message, exitCode } = toCliError(error);
      if (exitCode === EXIT.fault) throw error;
      const text = `line ${grouped(number)}: ${message.replace(/^Cannot .*?: /s, '')}`;
      if (this.#afterInvalid === 'end') throw invalidInput(this.#input.name, text);
      this.skippedCount++;
      this.#report(text);
      const start = typeof line === 'string' ? line : (line.start ?? '');
      return repair?.(start, `Cannot read ${this.#input.name}: ${text}`);
    }
  }

  #report(text: string): void {
    this.#progress?.hide();
    process.stderr.write(`samekey: ${this.#input.name}: ${printable(text)}\n`);
  }
}

/** The error for an invalid line. */
export function badLine(reason: string): Error {
  return Object.assign(new TypeError(`Cannot read the line: ${reason}`), {
    code: 'SAMEKEY_BAD_JSON',
  });
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badLine('it is not JSON, wanted an object');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw badLine('wanted a JSON object');
}
