import { isWellFormed } from '../hash/content.js';
import { Digits } from './digits.js';
import {
  hasMembers,
  inCanonicalOrder,
  isContainer,
  isInvalidDate,
  isOrdinary,
  unbox,
} from './objects.js';
import { refuseCycle, refuseDepth, refuseNumber, refuseSurrogate, refuseType } from './refuse.js';
import type { Selection } from './selection.js';
import { countValue, memberPlace, type Place, ROOT, type Shape } from './shapes.js';
import { type ChunkSink, NUMBERS_PER_PIECE, type TextBuffer } from './text-buffer.js';
import { writeNumber } from './write-number.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Default of `maxDepth`: how deep containers may be nested. */
export const DEFAULT_MAX_DEPTH = 1000;
/**
 * Largest `maxDepth`. The writer recurses, and the default stack of Node 20 has space for 1800 levels
 * at least, for objects under an `include` with `..`.
 */
export const LARGEST_MAX_DEPTH = 1500;

/** Up to this many characters a loop is faster than gathering a string. */
const SHORT_CHARS = 20;
/** Up to this many characters a loop is faster than a call to the encoder. */
const SHORT_ENCODED_CHARS = 48;

/** 1 for each ASCII character that a JSON string contains unescaped. */
const PLAIN = /* @__PURE__ */ Uint8Array.from({ length: 128 }, (_, c) =>
  c >= 0x20 && c !== QUOTE && c !== 0x5c ? 1 : 0,
);

/**
 * Objects below this depth are written without a shape, which takes half as much stack again: 1500
 * levels take 590 KB without shapes and 890 KB with them, of 984 KB on Node 20.
 */
const SHAPED_LEVELS = 200;

/** Up to this depth every container is compared with its ancestors. */
const SHALLOW_LEVELS = 32;

/** Fewer characters than the longest double has, for which there is always room. */
const DIGITS_PER_PIECE = 24;

/** From this length on, arrays are checked for containing nothing but numbers. */
const NUMBERS_FROM = 8;

/** How to write a value: the allowed depth, the parts to leave out, and the observer of both. */
export interface WriteOptions {
  readonly maxDepth: number;
  readonly selection: Selection | undefined;
  readonly trace: Trace | undefined;
  /** The path of the value in a larger one, which has called its `toJSON`. */
  readonly at: readonly (string | number)[] | undefined;
  /** The index of the first element, for an array that continues a longer one. */
  readonly firstIndex: number;
}

/** Returns options that have all members themselves: a polluted `Object.prototype` adds none. */
export function writeOptions(maxDepth: number, selection?: Selection, trace?: Trace): WriteOptions {
  return { maxDepth, selection, trace, at: undefined, firstIndex: 0 };
}

type Members = Record<string, unknown>;

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

/** Writes values as canonical JSON (RFC 8785) into its buffer. */
export interface CanonicalWriter {
  /**
   * Writes `value` at `position`. The memory is emptied into `buffer`, and that into `chunks`. Returns
   * the position behind the value.
   */
  write(
    value: unknown,
    position: number,
    options: WriteOptions,
    buffer: TextBuffer,
    chunks: ChunkSink,
  ): number;
  /** Drops the references to the last value, which may be large. */
  release(): void;
}

/**
 * Creates a writer that assembles text in `bytes`. Every function inside takes the position to write at
 * and returns the position behind its output.
 *
 * The functions share variables and not the members of a class, because V8 compiles them with the
 * memory and the other functions as constants. It does so only as long as a process has created one
 * writer: with a second one for the first keys, tools took 1.2 times as long.
 */
export function createWriter(bytes: Uint8Array): CanonicalWriter {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let buffer!: TextBuffer;
  let limit = 0;
  let gatheredChars = 0;
  let shortChars = 0;
  /** The path to the value being written, for errors: names and indexes, and the containers. */
  const tokens: (string | number)[] = [];
  const ancestors: (object | undefined)[] = [];
  let outerTokens = NOWHERE;
  let chunks = NO_SINK;
  let maxDepth = DEFAULT_MAX_DEPTH;
  let firstIndex = 0;
  let trace: Trace | undefined;

  function writeValue(
    value: unknown,
    position: number,
    depth: number,
    place: Place | undefined,
  ): number {
    if (typeof value === 'string') return writeText(value, position, depth, false);
    if (typeof value === 'number') return writeFinite(value, position, depth);
    if (typeof value === 'object' && value !== null) {
      return Array.isArray(value)
        ? writeArray(value, position, depth, place)
        : writeObject(value, position, depth, place);
    }
    if (value === true) return writeAscii('true', position);
    if (value === false) return writeAscii('false', position);
    if (value === null) return writeAscii('null', position);
    return refuseType(value, pathTo(depth));
  }

  function writeFinite(value: number, position: number, depth: number): number {
    if (!Number.isFinite(value)) refuseNumber(value, pathTo(depth));
    return writeNumber(bytes, value, position);
  }

  function writeAscii(text: string, position: number): number {
    for (let i = 0; i < text.length; i++) bytes[position + i] = text.charCodeAt(i);
    return position + text.length;
  }

  /** Writes digits of any number, piece by piece. */
  function writeDigits(text: string, position: number): number {
    let at = position;
    for (let from = 0; from < text.length; from += DIGITS_PER_PIECE) {
      at = writeAscii(text.slice(from, from + DIGITS_PER_PIECE), makeRoom(at));
    }
    return at;
  }

  function writeText(text: string, position: number, depth: number, isName: boolean): number {
    const end = writeShortText(text, position);
    if (end !== 0) return end;
    const at =
      text.length <= gatheredChars && isWellFormed(text)
        ? buffer.gather(text, position + 1, chunks)
        : buffer.write(text, position + 1, chunks);
    if (at < 0) refuseSurrogate(pathTo(depth), isName ? 'name' : 'value');
    bytes[at] = QUOTE;
    return makeRoom(at + 1);
  }

  /** Writes a short text of plain ASCII. For any other it writes only a quote, and returns 0. */
  function writeShortText(text: string, position: number): number {
    const { length } = text;
    bytes[position] = QUOTE;
    if (length > shortChars) return 0;
    let at = position + 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (PLAIN[code] !== 1) return 0;
      bytes[at++] = code;
    }
    bytes[at] = QUOTE;
    return at + 1;
  }

  function makeRoom(position: number): number {
    return position < limit ? position : buffer.empty(position, chunks);
  }

  function writeArray(
    array: readonly unknown[],
    position: number,
    depth: number,
    place: Place | undefined,
  ): number {
    const { length } = array;
    enter(array, depth);
    if (length === 0) return writeAscii('[]', position);
    let at = makeRoom(position);
    if (length >= NUMBERS_FROM && typeof array[0] === 'number' && isOrdinary(array)) {
      const end = writeNumbers(array, at);
      if (end !== 0) return end;
    }
    const first = depth === 0 ? firstIndex : 0;
    const elements = place?.others;
    for (let i = 0; i < length; i++) {
      bytes[at] = i === 0 ? 0x5b : COMMA;
      tokens[depth] = first + i;
      const element = resolve(array[i], first + i);
      at = makeRoom(writeValue(element, at + 1, depth + 1, elements));
    }
    bytes[at] = 0x5d;
    return at + 1;
  }

  /** Writes an array of finite numbers in one call. Returns 0 if the array holds anything else. */
  function writeNumbers(array: readonly unknown[], position: number): number {
    const { length } = array;
    // Each element is read once: a getter must not run between two reads.
    const numbers = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      const value = array[i];
      if (typeof value !== 'number' || !Number.isFinite(value)) return 0;
      numbers[i] = value;
    }
    let at = position;
    bytes[at++] = 0x5b;
    for (let from = 0; from < length; from += NUMBERS_PER_PIECE) {
      const piece = numbers.subarray(from, from + NUMBERS_PER_PIECE);
      at = buffer.numbers(piece, from === 0 ? at : makeRoom(at));
    }
    bytes[at - 1] = 0x5d;
    return at;
  }

  function writeObject(
    object: object,
    position: number,
    depth: number,
    place: Place | undefined,
  ): number {
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) {
      if (object instanceof Digits) return writeDigits(object.text, position);
      const value = unbox(object);
      if (value !== object) return writeValue(value, position, depth, undefined);
      if (!hasMembers(object)) refuseType(object, pathTo(depth));
    }
    enter(object, depth);
    const names = Object.keys(object);
    let at = makeRoom(position);
    const shape = depth < SHAPED_LEVELS ? place?.shapeOf(names) : undefined;
    if (shape !== undefined) return writeShape(object as Members, at, depth, shape);
    inCanonicalOrder(names);
    const others = place?.others;
    let separator = 0x7b;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      tokens[depth] = name;
      const value = resolve((object as Members)[name], name);
      if (value === undefined) continue;
      bytes[at] = separator;
      separator = COMMA;
      at = writeText(name, at + 1, depth + 1, true);
      bytes[at] = COLON;
      at = makeRoom(writeValue(value, at + 1, depth + 1, others));
    }
    if (separator === 0x7b) bytes[at++] = 0x7b;
    bytes[at] = 0x7d;
    return at + 1;
  }

  /** Writes the members of an object of a known shape, of which none is left out. */
  function writeShape(object: Members, position: number, depth: number, shape: Shape): number {
    const { sorted } = shape;
    let at = position;
    let separator = 0x7b;
    for (let i = 0; i < sorted.length; i++) {
      const name = sorted[i] as string;
      const value = resolve(object[name], name);
      if (value === undefined) continue;
      at = writeKnownName(shape, i, at, separator);
      separator = COMMA;
      if (typeof value === 'string') {
        const end = writeShortText(value, at);
        if (end !== 0) {
          at = makeRoom(end);
          continue;
        }
      }
      tokens[depth] = name;
      const place = typeof value === 'object' ? memberPlace(shape, i) : undefined;
      at = makeRoom(writeValue(value, at, depth + 1, place));
    }
    if (separator === 0x7b) bytes[at++] = 0x7b;
    bytes[at] = 0x7d;
    return at + 1;
  }

  function writeKnownName(shape: Shape, i: number, position: number, separator: number): number {
    const { words, starts } = shape;
    const to = starts[i + 1] as number;
    for (let at = position, word = starts[i] as number; word < to; word++, at += 8) {
      view.setFloat64(at, words[word] as number, true);
    }
    bytes[position] = separator;
    return position + (shape.byteCounts[i] as number);
  }

  /** Like `writeValue`, for a selection that can still match this value or below it. */
  function writeSelected(
    value: unknown,
    position: number,
    depth: number,
    selection: Selection,
    place: Place | undefined,
  ): number {
    if (selection.startsInclude) trace?.included();
    if (selection.isReference) {
      const { content } = selection;
      const text = (trace as Trace).reference(value, pathTo(depth), content);
      return writeText(text, position, depth, false);
    }
    if (selection.isIndifferent || !isContainer(value)) {
      return writeValue(value, position, depth, place);
    }
    if (!Array.isArray(value)) return writeSelectedObject(value, position, depth, selection, place);
    enter(value, depth);
    let at = makeRoom(position);
    let separator = 0x5b;
    const first = depth === 0 ? firstIndex : 0;
    const length = first + value.length;
    const elements = place?.others;
    for (let i = 0; i < value.length; i++) {
      tokens[depth] = first + i;
      const next = selection.element(first + i, length);
      const element = resolve(value[i], first + i);
      if (isLeftOut(next, element, depth)) continue;
      bytes[at] = separator;
      separator = COMMA;
      at = makeRoom(writeSelected(element, at + 1, depth + 1, next, elements));
    }
    if (separator === 0x5b) bytes[at++] = 0x5b;
    bytes[at] = 0x5d;
    return at + 1;
  }

  /** Writes the selected members of a container that is no array. */
  function writeSelectedObject(
    object: object,
    position: number,
    depth: number,
    selection: Selection,
    place: Place | undefined,
  ): number {
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null && !hasMembers(object)) {
      refuseType(object, pathTo(depth));
    }
    enter(object, depth);
    const names = Object.keys(object);
    let at = makeRoom(position);
    const shape = place?.shapeOf(names);
    const sorted = shape === undefined ? inCanonicalOrder(names) : shape.sorted;
    let separator = 0x7b;
    for (let i = 0; i < sorted.length; i++) {
      const name = sorted[i] as string;
      tokens[depth] = name;
      const next = selection.member(name);
      // The value of an excluded member is never read.
      if (next.excludedBy !== undefined && isLeftOut(next, undefined, depth)) continue;
      const value = resolve((object as Members)[name], name);
      if (value === undefined || isLeftOut(next, value, depth)) continue;
      if (shape === undefined) {
        bytes[at] = separator;
        at = writeText(name, at + 1, depth + 1, true);
        bytes[at++] = COLON;
      } else {
        at = writeKnownName(shape, i, at, separator);
      }
      separator = COMMA;
      const inner = shape === undefined ? place?.others : memberPlace(shape, i);
      at = makeRoom(writeSelected(value, at, depth + 1, next, inner));
    }
    if (separator === 0x7b) bytes[at++] = 0x7b;
    bytes[at] = 0x7d;
    return at + 1;
  }

  function isLeftOut(selection: Selection, value: unknown, depth: number): boolean {
    if (selection.excludedBy === undefined) {
      if (selection.isInside) return false;
      // A container on the path to an included value stays. No other value can lead there.
      if (selection.mayLeadInside && isContainer(value)) return false;
    }
    trace?.excluded(pathTo(depth + 1), selection.excludedBy);
    return true;
  }

  function enter(container: object, depth: number): void {
    // Below, comparing every container with all ancestors would cost more than writing it. A cycle
    // comes back to a depth that is checked.
    if (depth < SHALLOW_LEVELS || depth % SHALLOW_LEVELS === 0 || depth >= maxDepth) {
      for (let i = depth - 1; i >= 0; i--)
        if (ancestors[i] === container) refuseCycleOf(container, depth);
    }
    if (depth >= maxDepth) refuseDepth(pathTo(depth), outerTokens.length + maxDepth);
    ancestors[depth] = container;
  }

  /** Throws for the first container on the path that contains itself. */
  function refuseCycleOf(container: object, depthNow: number): never {
    ancestors[depthNow] = container;
    const seen = new Map<object | undefined, number>();
    let depth = 0;
    for (; !seen.has(ancestors[depth]); depth++) seen.set(ancestors[depth], depth);
    const earlier = seen.get(ancestors[depth]) as number;
    return refuseCycle(pathTo(depth), pathTo(earlier));
  }

  function pathTo(depth: number): (string | number)[] {
    return [...outerTokens, ...tokens.slice(0, depth)];
  }

  return {
    write(value, position, options, target, sink) {
      buffer = target;
      ({ limit, gatheredChars } = target);
      shortChars = gatheredChars > 0 ? SHORT_CHARS : SHORT_ENCODED_CHARS;
      chunks = sink;
      outerTokens = options.at ?? NOWHERE;
      maxDepth = options.maxDepth - outerTokens.length;
      trace = options.trace;
      firstIndex = options.firstIndex;
      countValue();
      const root = options.at === undefined ? resolve(value, '') : value;
      return options.selection === undefined
        ? writeValue(root, position, 0, ROOT)
        : writeSelected(root, position, 0, options.selection, ROOT);
    },
    release() {
      for (let i = 0; ancestors[i] !== undefined; i++) ancestors[i] = undefined;
      trace = undefined;
      chunks = NO_SINK;
    },
  };
}

/**
 * Calls `toJSON` as `JSON.stringify` does: with the name of the member or the index of the element.
 */
function resolve(value: unknown, key: string | number): unknown {
  return typeof value === 'object' &&
    value !== null &&
    typeof (value as { toJSON?: unknown }).toJSON === 'function'
    ? toJson(value, String(key))
    : value;
}

function toJson(value: object, key: string): unknown {
  // The `toJSON` of a Buffer lists its bytes as numbers. All typed arrays are rejected alike.
  if (ArrayBuffer.isView(value)) return value;
  const json = (value as { toJSON(key: string): unknown }).toJSON(key);
  // The `toJSON` of an invalid date gives null. It is rejected, too.
  return json === null && isInvalidDate(value) ? value : json;
}
