import { fail } from '../../errors/errors.js';
import { encoder } from '../utf8.js';
import { createJsonInstance, type JsonWasm } from './json-instance.js';

/** Receives canonical text piece by piece: `bytes[start, end)`, valid during the call. */
export interface PieceSink<T> {
  /** The text up to the matching `endReference` is replaced by its digest. */
  beginReference?(): void;
  endReference?(): void;
  chunk(bytes: Uint8Array, start: number, end: number): void;
  /** Receives the last piece, and returns the overall result. */
  last(bytes: Uint8Array, start: number, end: number): T;
}

/** Options of the module, beside `maxDepth`. */
export interface DocumentOptions {
  readonly maxDepth: number;
  /** The sum of the DOCUMENT_… flags. */
  readonly flags: number;
  /** The compiled selection of the identity, as laid out at SELECTION. */
  readonly table: Uint8Array | undefined;
  /** Bytes to put before the canonical text. */
  readonly prefix: Uint8Array | undefined;
}

export const DOCUMENT_BIG_NUMBERS = 1;
const DOCUMENT_GROWS = 2;
export const DOCUMENT_SELECTS = 4;
export const DOCUMENT_INCLUDES = 8;
export const DOCUMENT_DIGITS = 16;

const OUT_OF_MEMORY = 1;
const LAST_PIECE = 2;
const MORE_PIECES = 3;

/** The marks that follow a piece. */
const REFERENCE_BEGINS = 1;
const REFERENCE_ENDS = 2;

const PAGE_BYTES = 0x10000;
/** Space for padding behind a document. */
const PADDING_BYTES = 256;
/** An instance whose memory has grown beyond this is discarded: WASM memory never shrinks. */
const LARGEST_REUSED_BYTES = 32 * 1024 * 1024;

/** An instance and a view of its current memory. */
class DocumentMemory {
  readonly wasm: JsonWasm;
  readonly grows: boolean;
  bytes: Uint8Array;
  #piece: Uint32Array;
  #table: Uint8Array | undefined;

  constructor(wasm: JsonWasm, grows: boolean) {
    this.wasm = wasm;
    this.grows = grows;
    this.bytes = wasm.bytes;
    this.#piece = this.#words();
  }

  #words(): Uint32Array {
    return new Uint32Array(this.bytes.buffer, this.wasm.at.piece, 3);
  }

  /** Makes a new view after the memory has grown. */
  #updateView(): void {
    const { buffer } = this.wasm.call.memory;
    if (buffer === this.bytes.buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.#piece = this.#words();
  }

  /** Grows to at least `byteCount` bytes. Returns whether there is that much memory. */
  growTo(byteCount: number): boolean {
    const missing = Math.ceil((byteCount - this.bytes.length) / PAGE_BYTES);
    if (missing <= 0) return true;
    try {
      this.wasm.call.memory.grow(missing);
    } catch {
      return false;
    }
    this.#updateView();
    return true;
  }

  /** Makes the `byteCount` bytes behind the prefix canonical. */
  run(byteCount: number, { maxDepth, flags, table, prefix }: DocumentOptions): number {
    const { call, at } = this.wasm;
    if (table !== undefined && table !== this.#table) {
      this.bytes.set(table, at.selection);
      this.#table = table;
    }
    if (prefix !== undefined) this.bytes.set(prefix, at.document);
    const prefixBytes = prefix === undefined ? 0 : prefix.length;
    const options = this.grows ? flags | DOCUMENT_GROWS : flags;
    const status = call.document(at.document, prefixBytes, byteCount, maxDepth, options);
    if (this.grows) this.#updateView();
    return status;
  }

  /** Passes the output of `run` to the sink. */
  drain<T>(status: number, sink: PieceSink<T>): T {
    const { bytes } = this;
    const piece = this.#piece;
    for (let more = status === MORE_PIECES; more; more = this.wasm.call.nextPiece() !== 0) {
      const [start, end, mark] = piece as unknown as [number, number, number];
      if (start !== end) sink.chunk(bytes, start, end);
      if (mark === REFERENCE_BEGINS) sink.beginReference?.();
      else if (mark === REFERENCE_ENDS) sink.endReference?.();
    }
    return sink.last(bytes, piece[0] as number, piece[1] as number);
  }
}

let small: DocumentMemory | undefined;
let large: DocumentMemory | undefined;

/**
 * Makes JSON text canonical in the memory of `wasm`, or of a second instance if it is too long for
 * that, and passes it to `sink`. Returns `undefined` for text that the module refuses.
 *
 * @throws {RangeError} `SAMEKEY_TOO_LONG` if no instance can hold it.
 */
export function canonicalizeDocument<T>(
  wasm: JsonWasm,
  content: string | Uint8Array,
  options: DocumentOptions,
  sink: PieceSink<T>,
): T | undefined {
  if (small?.wasm !== wasm) {
    small = new DocumentMemory(wasm, false);
    large = undefined;
  }
  const start = wasm.at.document + (options.prefix === undefined ? 0 : options.prefix.length);
  const { bytes } = small;
  // The other half of the memory is for the module's notes about the text.
  const room = (bytes.length - start) >> 1;
  let byteCount = content.length;
  if (typeof content === 'string') {
    // A UTF-16 code unit takes at most three bytes of UTF-8.
    byteCount *= 3;
    if (byteCount <= room) byteCount = encoder.encodeInto(content, bytes.subarray(start)).written;
  } else if (byteCount <= room) bytes.set(content, start);
  if (byteCount <= room) {
    const status = small.run(byteCount, options);
    if (status !== OUT_OF_MEMORY)
      return status < LAST_PIECE ? undefined : small.drain(status, sink);
  }
  return canonicalizeLarge(content, start, options, sink);
}

/** Returns an instance that can grow, or `undefined` if the platform allows no second one. */
function createLargeMemory(): DocumentMemory | undefined {
  try {
    return new DocumentMemory(createJsonInstance(), true);
  } catch {
    return undefined;
  }
}

function canonicalizeLarge<T>(
  content: string | Uint8Array,
  start: number,
  options: DocumentOptions,
  sink: PieceSink<T>,
): T | undefined {
  const memory = large ?? createLargeMemory();
  if (memory === undefined) return undefined;
  // Kept for the next document only if this one succeeds.
  large = undefined;
  const byteCount = copyInto(memory, content, start);
  const status = byteCount < 0 ? OUT_OF_MEMORY : memory.run(byteCount, options);
  if (status === OUT_OF_MEMORY) {
    fail(
      RangeError,
      'SAMEKEY_TOO_LONG',
      `Cannot canonicalize the JSON text: its ${content.length} ${typeof content === 'string' ? 'characters' : 'bytes'} and its members to be sorted do not fit into WebAssembly memory: ${memory.bytes.length} bytes here, 4 GiB at most`,
    );
  }
  const result = status < LAST_PIECE ? undefined : memory.drain(status, sink);
  if (memory.bytes.length <= LARGEST_REUSED_BYTES) large = memory;
  return result;
}

/** Copies `content` to `start`. Returns its length in bytes, or -1 if there is no space. */
function copyInto(memory: DocumentMemory, content: string | Uint8Array, start: number): number {
  if (!memory.growTo(start + content.length + PADDING_BYTES)) return -1;
  if (typeof content !== 'string') {
    memory.bytes.set(content, start);
    return content.length;
  }
  let byteCount = 0;
  for (let rest = content; rest !== ''; ) {
    const { read, written } = encoder.encodeInto(rest, memory.bytes.subarray(start + byteCount));
    byteCount += written;
    rest = rest.substring(read);
    // There was space for ASCII. Each of the remaining code units may take three bytes.
    if (!memory.growTo(start + byteCount + 3 * rest.length + PADDING_BYTES)) return -1;
  }
  return byteCount;
}
