import { decoder } from '../engine/utf8.js';
import { joinChunks } from './chunks.js';

const [TAB, LINE_FEED, RETURN, RECORD, SPACE, QUOTE, COMMA] = [
  0x09, 0x0a, 0x0d, 0x1e, 0x20, 0x22, 0x2c,
];
const [OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
];

const isSpace = (byte: number) =>
  byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB || byte === RECORD;

/** A byte order mark, which `Response.json()` skips, too, has no smaller byte. JSON has none outside of strings. */
const BYTE_ORDER_MARK = 0xbb;

export interface JsonEvents {
  /** Called with each value, as soon as it is whole. */
  onValue(value: unknown, text: string): void;
  /** Returns whether the elements of an array that begins with `first` are the messages of a stream. */
  isStream(first: unknown): boolean;
}

/**
 * Finds the JSON values in bytes that arrive in chunks: one document, lines of JSON, a JSON text sequence
 * (RFC 7464), or the elements of an array that is a stream. Only the bytes of the current value are held.
 */
export class JsonReader {
  readonly #events: JsonEvents;
  readonly #maxBytes: number;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Whether a number, `true`, `false` or `null` has begun outside of arrays and objects. */
  #isInWord = false;
  /** Whether the elements of the current array are values of their own; `undefined` before the first one. */
  #hasElements: boolean | undefined = false;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  valueCount = 0;
  /** Whether there is something that is not JSON. */
  isMalformed = false;
  /** Whether a value was too long to be read. */
  isTooLong = false;

  constructor(events: JsonEvents, maxBytes: number) {
    this.#events = events;
    this.#maxBytes = maxBytes;
  }

  /** Whether a value has begun and has not ended. */
  get isOpen(): boolean {
    return this.#depth > 0 || this.#isInString;
  }

  see(chunk: Uint8Array): void {
    if (this.isTooLong || this.isMalformed) return;
    /** Where the part of the current value begins that is not in `#pieces`. */
    let start = 0;
    for (let at = 0; at < chunk.length && !this.isMalformed; at++) {
      const byte = chunk[at] as number;
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) {
          this.#isInString = false;
          if (this.#depth === 0) start = this.#endValue(chunk, start, at + 1);
        }
        continue;
      }
      if (
        isSpace(byte) ||
        (byte >= BYTE_ORDER_MARK && this.valueCount === 0 && this.#depth === 0)
      ) {
        if (this.#isInWord) start = this.#endValue(chunk, start, at);
        else if (this.#depth === 0) start = at + 1;
        continue;
      }
      if (byte === QUOTE) {
        this.#isInString = true;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (this.#isInWord) this.isMalformed = true;
        if (this.#depth === 0 && byte === OPEN_ARRAY) this.#hasElements = undefined;
        if (this.#depth === 1 && this.#hasElements) start = this.#skip(at);
        this.#depth++;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (--this.#depth < 0) this.isMalformed = true;
        else if (this.#depth === 0) start = this.#endValue(chunk, start, at + 1);
        else if (this.#depth === 1 && this.#hasElements !== false) {
          start = this.#endElement(chunk, start, at + 1);
        }
      } else if (this.#depth === 0) {
        if (byte === COMMA) this.isMalformed = true;
        this.#isInWord = true;
      } else if (this.#depth === 1 && this.#hasElements === undefined && byte !== COMMA) {
        // An array of numbers or words.
        this.#hasElements = false;
      }
    }
    if (this.#depth > 0 || this.#isInString || this.#isInWord) this.#hold(chunk.subarray(start));
  }

  /** Call it at the end: a number outside of arrays and objects ends nowhere else. */
  end(): void {
    if (this.#isInWord && !this.isMalformed) this.#endValue(new Uint8Array(), 0, 0);
  }

  #hold(piece: Uint8Array): void {
    this.#pieceBytes += piece.length;
    // A copy: another reader of the response may change the chunk.
    if (this.#pieceBytes <= this.#maxBytes) this.#pieces.push(new Uint8Array(piece));
    else {
      this.isTooLong = true;
      this.#pieces = [];
    }
  }

  #skip(at: number): number {
    this.#pieces = [];
    this.#pieceBytes = 0;
    return at;
  }

  #take(chunk: Uint8Array, start: number, end: number): string {
    const last = chunk.subarray(start, end);
    if (this.#pieces.length === 0) return decoder.decode(last);
    const bytes = joinChunks([...this.#pieces, last], this.#pieceBytes + last.length);
    return decoder.decode(bytes);
  }

  #endValue(chunk: Uint8Array, start: number, end: number): number {
    if (!this.#hasElements) this.#parse(this.#take(chunk, start, end));
    this.#isInWord = false;
    this.#hasElements = false;
    return this.#skip(end);
  }

  #endElement(chunk: Uint8Array, start: number, end: number): number {
    const text = this.#take(chunk, start, end);
    if (this.#hasElements) {
      this.#parse(text);
      return this.#skip(end);
    }
    const first = text.slice(text.indexOf('[') + 1);
    this.#hasElements = this.#events.isStream(toValue(first));
    if (!this.#hasElements) return start;
    this.#parse(first);
    return this.#skip(end);
  }

  #parse(text: string): void {
    const value = toValue(text);
    this.valueCount++;
    if (value === undefined) this.isMalformed = true;
    else this.#events.onValue(value, text);
  }
}

/** Parses JSON; `undefined` for anything else. */
export function toValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
