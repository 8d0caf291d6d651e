import { encoder, pieceOf } from '../engine/utf8.js';
import type { Wasm } from '../engine/wasm/instance.js';
import { residentJson } from '../engine/wasm/json-instance.js';

/**
 * The memory in which canonical JSON is assembled: one chunk that is emptied into the digest
 * whenever it is full, so a document of any size needs no more memory.
 */
export interface TextBuffer {
  readonly bytes: Uint8Array;
  /** First byte to write. */
  readonly start: number;
  /**
   * A writer that has reached this position empties the buffer before the next string or member.
   */
  readonly limit: number;
  /**
   * Writes a piece of `text` from index `from`, with the escapes of JSON, at `position`. Returns
   * the end of the output; `lastRead` is the end of the piece in `text`.
   */
  escape(text: string, from: number, position: number): number;
  lastRead: number;
  /** Writes up to NUMBERS_PER_PIECE finite numbers, each followed by a comma. Returns the end. */
  numbers(numbers: Float64Array, position: number): number;
  /** Whether the last piece may have had a lone surrogate. Pure ASCII has none. */
  lastWide: boolean;
}

/** A chunk is large enough to be emptied rarely, and small enough to stay in the cache. */
const CHUNK_BYTES = 0x10000;
/** Numbers printed in one call. At 26 bytes each they fit behind a full chunk. */
export const NUMBERS_PER_PIECE = 1024;

/** Writes numbers like `TextBuffer.numbers` into `out`. Returns the number of bytes. */
type PrintNumbers = (numbers: Float64Array, out: Uint8Array, position: number) => number;

/** Uses the JSON module, which is only loaded for lists of numbers and raw JSON. */
function wasmNumbers(): PrintNumbers {
  const json = residentJson();
  if (json === undefined) return jsNumbers;
  const { call, bytes, at } = json;
  const doubles = new Float64Array(bytes.buffer, at.numbers, NUMBERS_PER_PIECE);
  const text = at.numbers + doubles.byteLength;
  return (numbers, out, position) => {
    doubles.set(numbers);
    const printed = bytes.subarray(text, call.printDoubles(at.numbers, numbers.length, text));
    out.set(printed, position);
    return printed.length;
  };
}

const jsNumbers: PrintNumbers = (numbers, out, position) => {
  // Twice as fast as one `String(x)` after the other.
  const text = JSON.stringify(Array.from(numbers));
  return encoder.encodeInto(`${text.slice(1, -1)},`, out.subarray(position)).written;
};

/**
 * A buffer in WASM memory: pieces are encoded into INPUT and escaped into OUTPUT, 16 bytes at a
 * time.
 */
function wasmBuffer(wasm: Wasm): TextBuffer {
  const { call, at, bytes } = wasm;
  const input = bytes.subarray(at.input, at.input + at.inputBytes);
  let printer: PrintNumbers | undefined;
  return {
    bytes,
    start: at.output,
    limit: at.output + CHUNK_BYTES,
    lastRead: 0,
    lastWide: false,
    escape(text, from, position) {
      const { read, written } = encoder.encodeInto(pieceOf(text, from, at.inputBytes), input);
      this.lastRead = from + read;
      this.lastWide = read !== written;
      return call.escapeJson(at.input, written, position);
    },
    numbers(numbers, position) {
      printer ??= wasmNumbers();
      return position + printer(numbers, bytes, position);
    },
  };
}

/** Maximum characters of a piece; escaped, each takes up to six bytes. */
const PIECE_CHARS = 0x2000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8785 §3.2.2.2 is about them
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;

/** A buffer in plain JavaScript: `JSON.stringify` of a string is exactly RFC 8785 §3.2.2.2. */
function jsBuffer(): TextBuffer {
  const bytes = new Uint8Array(CHUNK_BYTES + 6 * PIECE_CHARS + 1024);
  return {
    bytes,
    start: 0,
    limit: CHUNK_BYTES,
    lastRead: 0,
    lastWide: false,
    escape(text, from, position) {
      const piece = pieceOf(text, from, PIECE_CHARS);
      const escaped = NEEDS_ESCAPE.test(piece) ? JSON.stringify(piece).slice(1, -1) : piece;
      const { written } = encoder.encodeInto(escaped, bytes.subarray(position));
      this.lastRead = from + piece.length;
      // `JSON.stringify` escapes a lone surrogate in ASCII, which the byte count does not show.
      this.lastWide = written !== escaped.length || escaped !== piece;
      return position + written;
    },
    numbers: (numbers, position) => position + jsNumbers(numbers, bytes, position),
  };
}

/** Creates a buffer in WASM memory, or in JavaScript memory without WebAssembly. */
export function createTextBuffer(wasm: Wasm | undefined): TextBuffer {
  return wasm === undefined ? jsBuffer() : wasmBuffer(wasm);
}
