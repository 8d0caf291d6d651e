import { fail } from '../../errors/errors.js';
import { encoder } from '../utf8.js';
import { createJsonInstance, type JsonWasm } from './json-instance.js';

/** Takes canonical text piece by piece: `bytes[start, end)`, valid during the call. */
export interface PieceSink<T> {
  /** What comes up to the matching `endReference` goes in as its digest. */
  beginReference?(): void;
  endReference?(): void;
  chunk(bytes: Uint8Array, start: number, end: number): void;
  /** Takes the last piece, and returns the result of the whole. */
  last(bytes: Uint8Array, start: number, end: number): T;
}

/** What is asked of the module, beside `maxDepth`. */
export interface DocumentOptions {
  readonly maxDepth: number;
  /** The sum of the DOCUMENT_… that apply. */
  readonly flags: number;
  /** What the identity selects, laid out for SELECTION. */
  readonly table: Uint8Array | undefined;
  /** Goes before the canonical text. */
  readonly prefix: Uint8Array | undefined;
}

export const DOCUMENT_BIG_NUMBERS = 1;
const DOCUMENT_GROWS = 2;
export const DOCUMENT_SELECTS = 4;
export const DOCUMENT_INCLUDES = 8;

const NO_ROOM = 1;
const LAST_PIECE = 2;
const MORE_PIECES = 3;

/** What comes behind a piece. */
const REFERENCE_BEGINS = 1;
const REFERENCE_ENDS = 2;

const PAGE_BYTES = 0x10000;
/** Room for padding behind a document. */
const BEHIND_BYTES = 256;
/** An instance whose memory has grown beyond this is not kept: memory never shrinks. */
const KEPT_BYTES = 32 * 1024 * 1024;

/** An instance, and its memory as it is now. */
class Place {
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

  /** Takes a new view of a memory that has grown. */
  #look(): void {
    const { buffer } = this.wasm.call.memory;
    if (buffer === this.bytes.buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.#piece = this.#words();
  }

  /** Grows to `byteCount` at least; returns whether there is that much. */
  growTo(byteCount: number): boolean {
    const missing = Math.ceil((byteCount - this.bytes.length) / PAGE_BYTES);
    if (missing <= 0) return true;
    try {
      this.wasm.call.memory.grow(missing);
    } catch {
      return false;
    }
    this.#look();
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
    if (this.grows) this.#look();
    return status;
  }

  /** Hands over what `run` has made. */
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

let small: Place | undefined;
let large: Place | undefined;

/**
 * Makes JSON text canonical in the memory of `wasm`, or of another instance if it is too long for
 * that, and hands it to `sink`. Returns `undefined` for text that the module refuses.
 *
 * @throws {RangeError} `SAMEKEY_TOO_LONG` if it is too long for any.
 */
export function canonicalizeDocument<T>(
  wasm: JsonWasm,
  content: string | Uint8Array,
  options: DocumentOptions,
  sink: PieceSink<T>,
): T | undefined {
  if (small?.wasm !== wasm) {
    small = new Place(wasm, false);
    large = undefined;
  }
  const start = wasm.at.document + (options.prefix === undefined ? 0 : options.prefix.length);
  const { bytes } = small;
  // Half of what is there is for what the module notes about it.
  const room = (bytes.length - start) >> 1;
  let byteCount = content.length;
  if (typeof content === 'string') {
    // A UTF-16 code unit takes three bytes of UTF-8 at most.
    byteCount *= 3;
    if (byteCount <= room) byteCount = encoder.encodeInto(content, bytes.subarray(start)).written;
  } else if (byteCount <= room) bytes.set(content, start);
  if (byteCount <= room) {
    const status = small.run(byteCount, options);
    if (status !== NO_ROOM) return status < LAST_PIECE ? undefined : small.drain(status, sink);
  }
  return canonicalizeLarge(content, start, options, sink);
}

/** A place that grows; `undefined` where there is no other instance to be had. */
function largePlace(): Place | undefined {
  try {
    return new Place(createJsonInstance(), true);
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
  const place = large ?? largePlace();
  if (place === undefined) return undefined;
  // Kept for the next one only if all goes well.
  large = undefined;
  const byteCount = copyInto(place, content, start);
  const status = byteCount < 0 ? NO_ROOM : place.run(byteCount, options);
  if (status === NO_ROOM) {
    fail(
      RangeError,
      'SAMEKEY_TOO_LONG',
      `Cannot canonicalize the JSON text: its ${content.length} ${typeof content === 'string' ? 'characters' : 'bytes'} and what is to be sorted do not fit into WebAssembly memory: ${place.bytes.length} bytes here, 4 GiB at most`,
    );
  }
  const result = status < LAST_PIECE ? undefined : place.drain(status, sink);
  if (place.bytes.length <= KEPT_BYTES) large = place;
  return result;
}

/** Copies `content` to `start`; returns its length in bytes, or -1 if there is no room. */
function copyInto(place: Place, content: string | Uint8Array, start: number): number {
  if (!place.growTo(start + content.length + BEHIND_BYTES)) return -1;
  if (typeof content !== 'string') {
    place.bytes.set(content, start);
    return content.length;
  }
  let byteCount = 0;
  for (let rest = content; rest !== ''; ) {
    const { read, written } = encoder.encodeInto(rest, place.bytes.subarray(start + byteCount));
    byteCount += written;
    rest = rest.substring(read);
    // ASCII had room; of what is left each code unit may take three bytes.
    if (!place.growTo(start + byteCount + 3 * rest.length + BEHIND_BYTES)) return -1;
  }
  return byteCount;
}
