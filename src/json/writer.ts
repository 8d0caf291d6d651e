import { isWellFormed } from '../hash/content.js';
import { Digits } from './digits.js';
import {
  hasMembers,
  isContainer,
  isInvalidDate,
  isOrdinary,
  sortedNames,
  unbox,
} from './objects.js';
import { refuseCycle, refuseDepth, refuseNumber, refuseSurrogate, refuseType } from './refuse.js';
import type { Selection } from './selection.js';
import { NUMBERS_PER_PIECE, type TextBuffer } from './text-buffer.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Default of `maxDepth`: how deep containers may be nested. */
export const DEFAULT_MAX_DEPTH = 1000;
/**
 * Largest `maxDepth`. The writer recurses, and the default stack of Node has space for 2200 levels.
 */
export const LARGEST_MAX_DEPTH = 1500;

/** Below this many characters a loop is faster than the two calls to the encoder and to WASM. */
const SHORT_CHARS = 48;

/** 1 for each ASCII character that a JSON string contains unescaped. */
const PLAIN = /* @__PURE__ */ Uint8Array.from({ length: 128 }, (_, c) =>
  c >= 0x20 && c !== QUOTE && c !== 0x5c ? 1 : 0,
);

/** Up to this depth every container is compared with its ancestors. */
const SHALLOW_LEVELS = 32;

/** Fewer characters than the longest double has, for which there is always room. */
const DIGITS_PER_PIECE = 24;

/** From this length on, arrays are checked for containing nothing but numbers. */
const NUMBERS_FROM = 8;

/** How to write a value: the allowed depth, the parts to leave out, and the observer of both. */
export interface WriteOptions {
  readonly maxDepth: number;
  readonly selection?: Selection | undefined;
  readonly trace?: Trace | undefined;
  /** The path of the value in a larger one, which has called its `toJSON`. */
  readonly at?: readonly (string | number)[];
  /** The index of the first element, for an array that continues a longer one. */
  readonly firstIndex?: number;
}

/** Receives full chunks: `bytes[start, end)`, valid during the call. */
export interface ChunkSink {
  chunk(bytes: Uint8Array, start: number, end: number): void;
}

const NOWHERE: readonly (string | number)[] = [];
const NO_SINK: ChunkSink = { chunk() {} };

/** Observes the effects of a selection while the value is written. */
export interface Trace {
  excluded(tokens: readonly (string | number)[], by: string | undefined): void;
  /** Returns the text that replaces a value at a `refs` path. */
  reference(value: unknown, tokens: readonly (string | number)[], content: Selection): string;
  /** Called when an `include` path matches. */
  included(): void;
}

/**
 * Writes one value as canonical JSON (RFC 8785) into a buffer, which it empties into the sink
 * whenever it is full. Every method takes the position to write at and returns the position behind
 * its output.
 */
export class CanonicalWriter {
  readonly #buffer: TextBuffer;
  readonly #bytes: Uint8Array;
  /** The path to the value being written, for errors: names and indexes, and the containers. */
  readonly #tokens: (string | number)[] = [];
  readonly #ancestors: (object | undefined)[] = [];
  #at: readonly (string | number)[] = [];
  #chunks: ChunkSink = NO_SINK;
  #maxDepth = DEFAULT_MAX_DEPTH;
  #firstIndex = 0;
  #trace: Trace | undefined;

  constructor(buffer: TextBuffer) {
    this.#buffer = buffer;
    this.#bytes = buffer.bytes;
  }

  /**
   * Writes `value` at `position`. Full chunks go to `chunks`. Returns the end of the last chunk.
   */
  write(value: unknown, position: number, options: WriteOptions, chunks: ChunkSink): number {
    this.#chunks = chunks;
    this.#at = options.at ?? NOWHERE;
    this.#maxDepth = options.maxDepth - this.#at.length;
    this.#trace = options.trace;
    this.#firstIndex = options.firstIndex ?? 0;
    const root = options.at === undefined ? this.#resolve(value, '') : value;
    return options.selection === undefined
      ? this.#value(root, position, 0)
      : this.#selected(root, position, 0, options.selection);
  }

  /** Drops the references to the last value, which may be large. */
  release(): void {
    for (let i = 0; this.#ancestors[i] !== undefined; i++) this.#ancestors[i] = undefined;
    this.#trace = undefined;
    this.#chunks = NO_SINK;
  }

  #value(value: unknown, position: number, depth: number): number {
    if (typeof value === 'string') return this.#text(value, position, depth, false);
    if (typeof value === 'object' && value !== null) {
      return Array.isArray(value)
        ? this.#array(value, position, depth)
        : this.#object(value, position, depth, undefined);
    }
    return this.#scalar(value, position, depth);
  }

  #scalar(value: unknown, position: number, depth: number): number {
    if (typeof value === 'number') return this.#number(value, position, depth);
    if (value === true) return this.#ascii('true', position);
    if (value === false) return this.#ascii('false', position);
    if (value === null) return this.#ascii('null', position);
    return refuseType(value, this.#path(depth));
  }

  #number(value: number, position: number, depth: number): number {
    // -0 is written as 0 (RFC 8785 §3.2.2.3, ECMA-262 Number::toString).
    if (value >= 0 && value <= 9999 && Number.isInteger(value)) {
      return this.#smallInteger(value, position);
    }
    if (!Number.isFinite(value)) refuseNumber(value, this.#path(depth));
    return this.#ascii(String(value), position);
  }

  #smallInteger(value: number, position: number): number {
    const bytes = this.#bytes;
    let end = position + 1;
    for (let limit = 10; value >= limit; limit *= 10) end++;
    let rest = value;
    for (let at = end - 1; at >= position; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = 0x30 + rest - 10 * tenth;
      rest = tenth;
    }
    return end;
  }

  #ascii(text: string, position: number): number {
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) bytes[position + i] = text.charCodeAt(i);
    return position + text.length;
  }

  /** Writes digits of any number, piece by piece. */
  #digits(text: string, position: number): number {
    let at = position;
    for (let from = 0; from < text.length; from += DIGITS_PER_PIECE) {
      at = this.#ascii(text.slice(from, from + DIGITS_PER_PIECE), this.#makeRoom(at));
    }
    return at;
  }

  #text(text: string, position: number, depth: number, isName: boolean): number {
    const bytes = this.#bytes;
    const { length } = text;
    bytes[position] = QUOTE;
    if (length <= SHORT_CHARS) {
      let at = position + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (PLAIN[code] !== 1) break;
        bytes[at++] = code;
      }
      if (i === length) {
        bytes[at] = QUOTE;
        return at + 1;
      }
    }
    return this.#longText(text, position + 1, depth, isName);
  }

  #longText(text: string, position: number, depth: number, isName: boolean): number {
    const buffer = this.#buffer;
    let at = position;
    let from = 0;
    let wide = false;
    for (;;) {
      at = buffer.escape(text, from, at);
      from = buffer.lastRead;
      wide ||= buffer.lastWide;
      if (from >= text.length) break;
      at = this.#makeRoom(at);
    }
    // The encoder wrote U+FFFD for a lone surrogate. The caller discards the output.
    if (wide && !isWellFormed(text)) {
      refuseSurrogate(this.#path(depth), isName ? 'name' : 'value');
    }
    this.#bytes[at] = QUOTE;
    return this.#makeRoom(at + 1);
  }

  #makeRoom(position: number): number {
    if (position < this.#buffer.limit) return position;
    const { start } = this.#buffer;
    this.#chunks.chunk(this.#bytes, start, position);
    return start;
  }

  #array(array: readonly unknown[], position: number, depth: number): number {
    const { length } = array;
    this.#enter(array, depth);
    if (length === 0) return this.#ascii('[]', position);
    let at = this.#makeRoom(position);
    if (length >= NUMBERS_FROM && typeof array[0] === 'number' && isOrdinary(array)) {
      const end = this.#numbers(array, at);
      if (end !== 0) return end;
    }
    const firstIndex = depth === 0 ? this.#firstIndex : 0;
    for (let i = 0; i < length; i++) {
      this.#bytes[at] = i === 0 ? 0x5b : COMMA;
      this.#tokens[depth] = firstIndex + i;
      const element = this.#resolve(array[i], firstIndex + i);
      at = this.#makeRoom(this.#value(element, at + 1, depth + 1));
    }
    this.#bytes[at] = 0x5d;
    return at + 1;
  }

  /** Writes an array of finite numbers in one call. Returns 0 if the array holds anything else. */
  #numbers(array: readonly unknown[], position: number): number {
    const { length } = array;
    // Each element is read once: a getter must not run between two reads.
    const numbers = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      const value = array[i];
      if (typeof value !== 'number' || !Number.isFinite(value)) return 0;
      numbers[i] = value;
    }
    let at = position;
    this.#bytes[at++] = 0x5b;
    for (let from = 0; from < length; from += NUMBERS_PER_PIECE) {
      const piece = numbers.subarray(from, from + NUMBERS_PER_PIECE);
      at = this.#buffer.numbers(piece, from === 0 ? at : this.#makeRoom(at));
    }
    this.#bytes[at - 1] = 0x5d;
    return at;
  }

  #object(
    object: object,
    position: number,
    depth: number,
    selection: Selection | undefined,
  ): number {
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) {
      if (object instanceof Digits) return this.#digits(object.text, position);
      const value = unbox(object);
      if (value !== object) return this.#value(value, position, depth);
      if (!hasMembers(object)) refuseType(object, this.#path(depth));
    }
    this.#enter(object, depth);
    const bytes = this.#bytes;
    const names = sortedNames(object);
    let at = this.#makeRoom(position);
    let separator = 0x7b;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      this.#tokens[depth] = name;
      const next = selection?.member(name);
      // The value of an excluded member is never read.
      if (next?.excludedBy !== undefined && this.#isLeftOut(next, undefined, depth)) continue;
      const value = this.#resolve((object as Record<string, unknown>)[name], name);
      if (value === undefined) continue;
      if (next !== undefined && this.#isLeftOut(next, value, depth)) continue;
      bytes[at] = separator;
      separator = COMMA;
      at = this.#text(name, at + 1, depth + 1, true);
      bytes[at] = COLON;
      at = this.#makeRoom(
        next === undefined
          ? this.#value(value, at + 1, depth + 1)
          : this.#selected(value, at + 1, depth + 1, next),
      );
    }
    if (separator === 0x7b) bytes[at++] = 0x7b;
    bytes[at] = 0x7d;
    return at + 1;
  }

  /** Like `#value`, for a selection that can still match this value or below it. */
  #selected(value: unknown, position: number, depth: number, selection: Selection): number {
    if (selection.startsInclude) this.#trace?.included();
    if (selection.isReference) {
      const { content } = selection;
      const text = (this.#trace as Trace).reference(value, this.#path(depth), content);
      return this.#text(text, position, depth, false);
    }
    if (selection.isIndifferent || !isContainer(value)) {
      return this.#value(value, position, depth);
    }
    if (!Array.isArray(value)) return this.#object(value, position, depth, selection);
    this.#enter(value, depth);
    let at = this.#makeRoom(position);
    let separator = 0x5b;
    const firstIndex = depth === 0 ? this.#firstIndex : 0;
    for (let i = 0; i < value.length; i++) {
      this.#tokens[depth] = firstIndex + i;
      const next = selection.element(firstIndex + i);
      const element = this.#resolve(value[i], firstIndex + i);
      if (this.#isLeftOut(next, element, depth)) continue;
      this.#bytes[at] = separator;
      separator = COMMA;
      at = this.#makeRoom(this.#selected(element, at + 1, depth + 1, next));
    }
    if (separator === 0x5b) this.#bytes[at++] = 0x5b;
    this.#bytes[at] = 0x5d;
    return at + 1;
  }

  #isLeftOut(selection: Selection, value: unknown, depth: number): boolean {
    if (selection.excludedBy === undefined) {
      if (selection.isInside) return false;
      // A container on the path to an included value stays. No other value can lead there.
      if (selection.mayLeadInside && isContainer(value)) return false;
    }
    this.#trace?.excluded(this.#path(depth + 1), selection.excludedBy);
    return true;
  }

  #enter(container: object, depth: number): void {
    const ancestors = this.#ancestors;
    // Below, comparing every container with all ancestors would cost more than writing it. A cycle
    // comes back to a depth that is checked.
    if (depth < SHALLOW_LEVELS || depth % SHALLOW_LEVELS === 0 || depth >= this.#maxDepth) {
      for (let i = depth - 1; i >= 0; i--)
        if (ancestors[i] === container) this.#refuseCycle(container, depth);
    }
    if (depth >= this.#maxDepth) {
      refuseDepth(this.#path(depth), this.#at.length + this.#maxDepth);
    }
    ancestors[depth] = container;
  }

  /** Throws for the first container on the path that contains itself. */
  #refuseCycle(container: object, depthNow: number): never {
    this.#ancestors[depthNow] = container;
    const seen = new Map<object | undefined, number>();
    let depth = 0;
    for (; !seen.has(this.#ancestors[depth]); depth++) seen.set(this.#ancestors[depth], depth);
    const earlier = seen.get(this.#ancestors[depth]) as number;
    return refuseCycle(this.#path(depth), this.#path(earlier));
  }

  /**
   * Calls `toJSON` as `JSON.stringify` does: with the name of the member or the index of the
   * element.
   */
  #resolve(value: unknown, key: string | number): unknown {
    return typeof value === 'object' &&
      value !== null &&
      typeof (value as { toJSON?: unknown }).toJSON === 'function'
      ? this.#toJson(value, String(key))
      : value;
  }

  #toJson(value: object, key: string): unknown {
    // The `toJSON` of a Buffer lists its bytes as numbers. All typed arrays are rejected alike.
    if (ArrayBuffer.isView(value)) return value;
    const json = (value as { toJSON(key: string): unknown }).toJSON(key);
    // The `toJSON` of an invalid date gives null. It is rejected, too.
    return json === null && isInvalidDate(value) ? value : json;
  }

  #path(depth: number): (string | number)[] {
    return [...this.#at, ...this.#tokens.slice(0, depth)];
  }
}
