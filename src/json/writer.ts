import { isWellFormed } from '../hash/content.js';
import { hasMembers, isContainer, isOrdinary, sortedNames, unbox } from './objects.js';
import { refuseCycle, refuseDepth, refuseNumber, refuseSurrogate, refuseType } from './refuse.js';
import type { Selection } from './selection.js';
import { NUMBERS_PER_PIECE, type TextBuffer } from './text-buffer.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Nested containers allowed unless `maxDepth` says otherwise. */
export const DEFAULT_MAX_DEPTH = 1000;
/** The most `maxDepth` may be: the walk recurses, and Node's default stack holds 2200 levels of it. */
export const LARGEST_MAX_DEPTH = 1500;

/** Below this many characters a loop beats the two calls into the encoder and WASM. */
const SHORT_CHARS = 48;

/** ASCII that stands for itself in a JSON string: 1. */
const PLAIN = /* @__PURE__ */ Uint8Array.from({ length: 128 }, (_, c) =>
  c >= 0x20 && c !== QUOTE && c !== 0x5c ? 1 : 0,
);

/** Levels on which every container is compared with its ancestors. */
const SHALLOW_LEVELS = 32;

/** Arrays from here on are looked at as a whole, in case they hold nothing but numbers. */
const NUMBERS_FROM = 8;

/** How one value is written: how deep it may be, what is left out of it, and who is told. */
export interface WriteOptions {
  readonly maxDepth: number;
  readonly selection?: Selection | undefined;
  readonly trace?: Trace | undefined;
  /** Where the value stands in a larger one, which has called its `toJSON`. */
  readonly at?: readonly (string | number)[];
  /** The index of the first element of an array that is the rest of a longer one. */
  readonly firstIndex?: number;
}

/** Takes full chunks: `bytes[start, end)`, valid during the call. */
export interface ChunkSink {
  chunk(bytes: Uint8Array, start: number, end: number): void;
}

const NOWHERE: readonly (string | number)[] = [];
const NO_SINK: ChunkSink = { chunk() {} };

/** What a selection tells about the value while it is written. */
export interface Trace {
  excluded(tokens: readonly (string | number)[], by: string | undefined): void;
  /** The text that stands for a value at a `refs` path. */
  reference(value: unknown, tokens: readonly (string | number)[], content: Selection): string;
  /** An `include` path has matched. */
  included(): void;
}

/**
 * Writes one value as canonical JSON (RFC 8785) into a buffer, which is handed to `empty` whenever
 * it is full. Every method takes the position to write at and returns the one after.
 */
export class CanonicalWriter {
  readonly #buffer: TextBuffer;
  readonly #bytes: Uint8Array;
  /** The way to the value being written: names and indexes, for errors, and the containers. */
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

  /** Writes `value` from `position` on; full chunks go to `chunks`. Returns the end of the last. */
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

  /** Lets go of the last value, which may be large. */
  forget(): void {
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
    // The encoder has put U+FFFD for a lone surrogate; what was written is thrown away.
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

  /** An array of finite numbers, which are printed many at once. Returns 0 if it holds anything else. */
  #numbers(array: readonly unknown[], position: number): number {
    const { length } = array;
    // Each is read once: what an element does when it is read must not come between.
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
      // What is excluded is not even looked at.
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

  /** As `#value`, with a selection that still has something to say about this value or below it. */
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
      // On the way to an included path a container stays; anything else cannot lead there.
      if (selection.mayLeadInside && isContainer(value)) return false;
    }
    this.#trace?.excluded(this.#path(depth + 1), selection.excludedBy);
    return true;
  }

  #enter(container: object, depth: number): void {
    const ancestors = this.#ancestors;
    // Deep down a look at all ancestors of each container would cost more than the container; what
    // goes round in circles comes by here again.
    if (depth < SHALLOW_LEVELS || depth % SHALLOW_LEVELS === 0 || depth >= this.#maxDepth) {
      for (let i = depth - 1; i >= 0; i--)
        if (ancestors[i] === container) this.#refuseCycle(container, depth);
    }
    if (depth >= this.#maxDepth) {
      refuseDepth(this.#path(depth), this.#at.length + this.#maxDepth);
    }
    ancestors[depth] = container;
  }

  /** Refuses the first container on the way down that was there before. */
  #refuseCycle(container: object, depthNow: number): never {
    this.#ancestors[depthNow] = container;
    const seen = new Map<object | undefined, number>();
    let depth = 0;
    for (; !seen.has(this.#ancestors[depth]); depth++) seen.set(this.#ancestors[depth], depth);
    const earlier = seen.get(this.#ancestors[depth]) as number;
    return refuseCycle(this.#path(depth), this.#path(earlier));
  }

  /** `toJSON`, as `JSON.stringify` calls it: with the member's name or the element's index. */
  #resolve(value: unknown, key: string | number): unknown {
    return typeof value === 'object' &&
      value !== null &&
      typeof (value as { toJSON?: unknown }).toJSON === 'function'
      ? this.#toJson(value, String(key))
      : value;
  }

  #toJson(value: object, key: string): unknown {
    // A Buffer's `toJSON` lists its bytes as numbers. Typed arrays are refused, all alike.
    if (ArrayBuffer.isView(value)) return value;
    return (value as { toJSON(key: string): unknown }).toJSON(key);
  }

  #path(depth: number): (string | number)[] {
    return [...this.#at, ...this.#tokens.slice(0, depth)];
  }
}
