import { encoder, pieceOf, writeUtf16 } from '../engine/utf8.js';
import type { Wasm } from '../engine/wasm/instance.js';
import { residentJson } from '../engine/wasm/json-instance.js';
import { isWellFormed } from '../hash/content.js';

/** Receives full chunks: `bytes[start, end)`, valid during the call. */
export interface ChunkSink {
  chunk(bytes: Uint8Array, start: number, end: number): void;
}

/** Receives canonical bytes: all at once if they fit into one chunk, otherwise piece by piece. */
export interface CanonicalSink<T> extends ChunkSink {
  /** Receives the rest, `bytes[start, end)`, and returns the overall result. */
  last(bytes: Uint8Array, start: number, end: number): T;
}

/**
 * Takes the canonical text that a writer has assembled in its memory, and passes it on whenever that is
 * full. So a document of any size needs no more memory. A position is an index into that memory.
 */
export interface TextBuffer {
  /**
   * A writer that has reached this position empties the memory before the next string or member.
   */
  readonly limit: number;
  /** The longest string that `gather` takes, 0 if it takes none. */
  readonly gatheredChars: number;
  /** Forgets what is left of a value that could not be written. */
  reset(): void;
  /** Takes what is written before `position`. Returns 0, the position to go on. */
  empty(position: number, chunks: ChunkSink): number;
  /** Passes everything that is left to the sink. */
  finish<T>(position: number, sink: CanonicalSink<T>): T;
  /**
   * Writes the body of a well-formed string at `position` later, with all strings since. Returns
   * the position behind it.
   */
  gather(text: string, position: number, chunks: ChunkSink): number;
  /**
   * Writes the body of a string of any length. Returns the position behind it, or -1 if there is a
   * lone surrogate.
   */
  write(text: string, position: number, chunks: ChunkSink): number;
  /** Writes up to NUMBERS_PER_PIECE finite numbers, each followed by a comma. Returns the end. */
  numbers(numbers: Float64Array, position: number): number;
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

/** Text around the strings that are gathered, before it is woven. Behind it is space for numbers. */
const STRUCTURE_BYTES = 0x8000;
/** Characters of all gathered strings. As UTF-8 they fit into INPUT. */
const GATHERED_CHARS = 0x4000;
/** A longer string is written at once. */
const LONGEST_GATHERED_CHARS = 2048;
/** Characters that show whether the rest of a long string is worth encoding as if it were ASCII. */
const PROBE_CHARS = 512;

/** Up to this many bytes a loop copies faster than `set`. */
const FEW_BYTES = 512;

/**
 * Assembles text with WASM. The writer's memory holds it without its longer strings. These are joined,
 * encoded into INPUT in one call, and woven into the text, copied to STRUCTURE, in another: two calls
 * for each string cost 200 ns, more than everything else about it.
 */
class WasmBuffer implements TextBuffer {
  readonly limit = STRUCTURE_BYTES;
  readonly gatheredChars = LONGEST_GATHERED_CHARS;
  readonly #wasm: Wasm;
  /** The writer's memory. */
  readonly #bytes: Uint8Array;
  /** Their first bytes, as doubles: no text has the bytes of a NaN. */
  readonly #words: Float64Array;
  readonly #structureWords: Float64Array;
  readonly #input: Uint8Array;
  readonly #holes: Uint32Array;
  #holeCount = 0;
  #gathered = '';
  /** Whether a character in the middle of a gathered string is not ASCII. */
  #isWide = false;
  /** The end of what is in OUTPUT. */
  #end: number;
  #print: PrintNumbers | undefined;

  constructor(wasm: Wasm, memory: Uint8Array) {
    const { at, bytes } = wasm;
    this.#wasm = wasm;
    this.#bytes = memory;
    this.#words = new Float64Array(memory.buffer, memory.byteOffset, FEW_BYTES / 8);
    this.#structureWords = new Float64Array(bytes.buffer, at.structure, FEW_BYTES / 8);
    this.#input = bytes.subarray(at.input, at.input + at.pieceBytes);
    this.#holes = new Uint32Array(bytes.buffer, at.holes, 2 * at.maxHoles);
    this.#end = at.output;
  }

  reset(): void {
    this.#holeCount = 0;
    this.#gathered = '';
    this.#isWide = false;
    this.#end = this.#wasm.at.output;
  }

  empty(position: number, chunks: ChunkSink): number {
    this.#weave(position);
    this.#emptyOutput(chunks);
    return 0;
  }

  finish<T>(position: number, sink: CanonicalSink<T>): T {
    this.#weave(position);
    const end = this.#end;
    this.#end = this.#wasm.at.output;
    return sink.last(this.#wasm.bytes, this.#end, end);
  }

  gather(text: string, position: number, chunks: ChunkSink): number {
    let at = position;
    const { length } = text;
    const holes = this.#holes;
    if (2 * this.#holeCount === holes.length || this.#gathered.length + length > GATHERED_CHARS) {
      at = this.empty(position, chunks);
    }
    const hole = 2 * this.#holeCount++;
    holes[hole] = this.#wasm.at.structure + at;
    holes[hole + 1] = length;
    this.#gathered += text;
    if (text.charCodeAt(length >> 1) > 0x7f) this.#isWide = true;
    return at;
  }

  write(text: string, position: number, chunks: ChunkSink): number {
    this.#weave(position);
    const { call, at, bytes } = this.#wasm;
    const { length } = text;
    let isWide = writeUtf16 !== undefined && text.charCodeAt(length >> 1) > 0x7f;
    let mayBeBroken = false;
    for (let from = 0; from < length; ) {
      this.#emptyOutput(chunks);
      if (isWide && writeUtf16 !== undefined) {
        const piece = pieceOf(text, from, at.pieceBytes >> 1);
        writeUtf16(bytes, piece, at.input);
        this.#end = call.escapeUtf16(at.input, piece.length, this.#end);
        if (this.#end === 0) return -1;
        from += piece.length;
        continue;
      }
      const canChange = writeUtf16 !== undefined;
      const most = from === 0 && canChange ? PROBE_CHARS : at.pieceBytes;
      const { read, written } = encoder.encodeInto(pieceOf(text, from, most), this.#input);
      if (read !== written) {
        isWide = canChange;
        if (isWide) continue;
        mayBeBroken = true;
      }
      this.#end = call.escapeJson(at.input, written, this.#end);
      from += read;
    }
    this.#emptyOutput(chunks);
    // The encoder wrote U+FFFD for a lone surrogate. The caller discards the output.
    return mayBeBroken && !isWellFormed(text) ? -1 : 0;
  }

  numbers(numbers: Float64Array, position: number): number {
    this.#print ??= wasmNumbers();
    return position + this.#print(numbers, this.#bytes, position);
  }

  /** Moves the text before `position` to OUTPUT, with its strings. */
  #weave(position: number): void {
    const { call, at } = this.#wasm;
    const holeCount = this.#holeCount;
    const textUnits = this.#gathered.length;
    const utf8Bytes = holeCount === 0 ? 0 : this.#encodeGathered();
    this.#holeCount = 0;
    this.#gathered = '';
    this.#isWide = false;
    this.#copyStructure(position);
    const end = at.structure + position;
    this.#end = call.weave(end, holeCount, utf8Bytes, textUnits, this.#end);
  }

  #copyStructure(byteCount: number): void {
    if (byteCount > FEW_BYTES) {
      this.#wasm.bytes.set(this.#bytes.subarray(0, byteCount), this.#wasm.at.structure);
      return;
    }
    const from = this.#words;
    const to = this.#structureWords;
    for (let i = 0; 8 * i < byteCount; i++) to[i] = from[i] as number;
  }

  /** Writes the gathered strings to INPUT. Returns their bytes as UTF-8, or 0 for UTF-16. */
  #encodeGathered(): number {
    const { at, bytes } = this.#wasm;
    const text = this.#gathered;
    // Text of ASCII takes 0.9 of the time this way: V8 copies its bytes instead of widening them.
    if (writeUtf16 === undefined || !this.#isWide) {
      const { written } = encoder.encodeInto(text, this.#input);
      if (writeUtf16 === undefined || written === text.length) return written;
    }
    writeUtf16(bytes, text, at.input);
    return 0;
  }

  #emptyOutput(chunks: ChunkSink): void {
    const { output } = this.#wasm.at;
    if (this.#end < output + CHUNK_BYTES) return;
    const end = this.#end;
    this.#end = output;
    chunks.chunk(this.#wasm.bytes, output, end);
  }
}

/** Maximum characters of a piece; escaped, each takes up to six bytes. */
const PIECE_CHARS = 0x2000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8785 §3.2.2.2 is about them
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;

/** The memory of a writer: a full chunk, and behind it the longest piece or all numbers of a piece. */
export const createMemory = (): Uint8Array => new Uint8Array(CHUNK_BYTES + 6 * PIECE_CHARS + 1024);

/** Plain JavaScript: `JSON.stringify` of a string is exactly RFC 8785 §3.2.2.2. */
class JsBuffer implements TextBuffer {
  readonly limit = CHUNK_BYTES;
  readonly gatheredChars = 0;
  readonly #bytes: Uint8Array;

  constructor(memory: Uint8Array) {
    this.#bytes = memory;
  }

  reset(): void {}

  empty(position: number, chunks: ChunkSink): number {
    chunks.chunk(this.#bytes, 0, position);
    return 0;
  }

  finish<T>(position: number, sink: CanonicalSink<T>): T {
    return sink.last(this.#bytes, 0, position);
  }

  gather(text: string, position: number, chunks: ChunkSink): number {
    return this.write(text, position, chunks);
  }

  write(text: string, position: number, chunks: ChunkSink): number {
    let at = position;
    let mayBeBroken = false;
    for (let from = 0; from < text.length; ) {
      if (at >= this.limit) at = this.empty(at, chunks);
      const piece = pieceOf(text, from, PIECE_CHARS);
      const escaped = NEEDS_ESCAPE.test(piece) ? JSON.stringify(piece).slice(1, -1) : piece;
      const { written } = encoder.encodeInto(escaped, this.#bytes.subarray(at));
      // `JSON.stringify` escapes a lone surrogate in ASCII, which the byte count does not show.
      mayBeBroken ||= written !== escaped.length || escaped !== piece;
      from += piece.length;
      at += written;
    }
    return mayBeBroken && !isWellFormed(text) ? -1 : at;
  }

  numbers(numbers: Float64Array, position: number): number {
    return position + jsNumbers(numbers, this.#bytes, position);
  }
}

/** Returns a buffer that works with WASM, or with plain JavaScript without an instance. */
export function createTextBuffer(wasm: Wasm | undefined, memory: Uint8Array): TextBuffer {
  return wasm === undefined ? new JsBuffer(memory) : new WasmBuffer(wasm, memory);
}
