import { encoder } from '../engine/utf8.js';
import { isWellFormed } from '../hash/content.js';
import { inCanonicalOrder } from './objects.js';

/** Shapes that a place finds at once. One more replaces the one that has not matched for longest. */
const SHAPES_PER_PLACE = 12;
/** An object with more members is written without a shape. */
const MAX_NAMES = 64;
/** An object with a longer name is written without a shape. */
const MAX_NAME_CHARS = 64;
/**
 * Each object of a place that has no known shape counts 1, each other one takes `KNOWN_WEIGHT` away.
 * At this count, an unknown object is the last that is looked up for `UNSEEN_OBJECTS` objects.
 */
const MOST_UNKNOWN = 64;
const KNOWN_WEIGHT = 4;
const UNSEEN_OBJECTS = 64;

/** What all shapes together may hold, by the estimates below. */
const MAX_BYTES = 0x38000;
const PLACE_BYTES = 400;
const SHAPE_BYTES = 700;
const MEMBER_BYTES = 72;

/** When there is no space, after so many values those shapes are forgotten that none of them had. */
const VALUES_PER_SWEEP = 256;

/**
 * The names of an object's members: in the order of `Object.keys`, in canonical order, and as the
 * bytes to write. Nothing is kept of the values.
 */
export interface Shape {
  readonly names: readonly string[];
  readonly sorted: readonly string[];
  /** The texts `,"name":` in canonical order, each from the start of a double, as doubles. */
  readonly words: Float64Array;
  /** The index of the first double of each text, and of the end of the last. */
  readonly starts: readonly number[];
  readonly byteCounts: readonly number[];
  /** The places of the values, in canonical order. */
  readonly places: (Place | undefined)[];
  readonly heldBytes: number;
  /** The value in which it was used last. */
  usedAt: number;
}

/**
 * All shapes, by the hash of their names. An object has one shape wherever it stands: a tree of any
 * depth needs one for its nodes. With a shape for each path, deep results took 1.5 times as long.
 */
let shapesByHash = /* @__PURE__ */ new Map<number, Shape[]>();
let heldBytes = 0;
let valueCount = 0;
let sweptAt = 0;

/** Must be called before each value. */
export function countValue(): void {
  valueCount++;
  if (heldBytes < MAX_BYTES || valueCount - sweptAt < VALUES_PER_SWEEP) return;
  const all = [...shapesByHash.values()].flat();
  shapesByHash = new Map();
  heldBytes = 0;
  ROOT.forget(sweptAt);
  for (const shape of all) {
    if (shape.usedAt <= sweptAt) continue;
    hold(shape);
    for (const place of shape.places) place?.forget(sweptAt);
  }
  sweptAt = valueCount;
}

function hold(shape: Shape): void {
  heldBytes += shape.heldBytes;
  const hash = hashOf(shape.names);
  const others = shapesByHash.get(hash);
  if (others === undefined) shapesByHash.set(hash, [shape]);
  else others.push(shape);
}

/**
 * A place in documents: the root, a member of a shape, or all elements of an array or members of
 * an object without a shape.
 */
export class Place {
  #shapes: Shape[] = [];
  /** Hashes of names that were seen here and have no shape. A shape is made on second sight. */
  #seen: number[] | undefined;
  #nextSeen = 0;
  #others: Place | undefined;
  /** See `MOST_UNKNOWN`. */
  #unknownCount = 0;
  /** How many of the next objects are not looked up. */
  #unseenCount = 0;

  constructor(isOthers: boolean) {
    // The elements of arrays in an array have one place.
    if (isOthers) this.#others = this;
    heldBytes += PLACE_BYTES;
  }

  /** The place of the elements of an array here, and of the members of an object without a shape. */
  get others(): Place | undefined {
    this.#others ??= createPlace(true);
    return this.#others;
  }

  /** Returns the shape with these names in this order, or `undefined` if they are new here. */
  shapeOf(names: readonly string[]): Shape | undefined {
    if (this.#unseenCount > 0) {
      this.#unseenCount--;
      return undefined;
    }
    const shapes = this.#shapes;
    for (let i = 0; i < shapes.length; i++) {
      const shape = shapes[i] as Shape;
      if (!areEqual(shape.names, names)) continue;
      this.#unknownCount = Math.max(0, this.#unknownCount - KNOWN_WEIGHT);
      if (i > 0) {
        shapes[i] = shapes[i - 1] as Shape;
        shapes[i - 1] = shape;
      }
      shape.usedAt = valueCount;
      return shape;
    }
    return this.#find(names);
  }

  /** Forgets all shapes that were not used after that value. */
  forget(before: number): void {
    heldBytes += PLACE_BYTES;
    this.#shapes = this.#shapes.filter(({ usedAt }) => usedAt > before);
    this.#seen = undefined;
    if (this.#others !== this) this.#others?.forget(before);
  }

  /** Finds a shape among all. */
  #find(names: readonly string[]): Shape | undefined {
    const hash = names.length === 0 || names.length > MAX_NAMES ? 0 : hashOf(names);
    let shape = shapesByHash.get(hash)?.find((each) => areEqual(each.names, names));
    if (shape === undefined) {
      // Names that differ each time, such as those of a map or in random order.
      if (this.#unknownCount < MOST_UNKNOWN) this.#unknownCount++;
      else this.#unseenCount = UNSEEN_OBJECTS;
      if (hash === 0 || heldBytes >= MAX_BYTES || !this.#isSecondSight(hash)) return undefined;
      shape = createShape(names);
      if (shape === undefined) return undefined;
      hold(shape);
    }
    shape.usedAt = valueCount;
    if (this.#shapes.length === SHAPES_PER_PLACE) this.#shapes.pop();
    this.#shapes.push(shape);
    return shape;
  }

  #isSecondSight(hash: number): boolean {
    this.#seen ??= new Array(SHAPES_PER_PLACE).fill(0);
    if (this.#seen.includes(hash)) return true;
    this.#seen[this.#nextSeen] = hash;
    this.#nextSeen = (this.#nextSeen + 1) % SHAPES_PER_PLACE;
    return false;
  }
}

/** The place of all values. */
export const ROOT = /* @__PURE__ */ new Place(false);

function createPlace(isOthers: boolean): Place | undefined {
  return heldBytes < MAX_BYTES ? new Place(isOthers) : undefined;
}

/** Returns the place of a member, which is the `i`th in canonical order. */
export function memberPlace(shape: Shape, i: number): Place | undefined {
  const known = shape.places[i];
  if (known !== undefined) return known;
  const place = createPlace(false);
  shape.places[i] = place;
  return place;
}

function areEqual(names: readonly string[], others: readonly string[]): boolean {
  const { length } = names;
  if (length !== others.length) return false;
  for (let i = 0; i < length; i++) if (names[i] !== others[i]) return false;
  return true;
}

/**
 * Two lists with one hash are both remembered sooner, and nothing else. Returns 0 for names that
 * are not remembered.
 */
function hashOf(names: readonly string[]): number {
  let hash = names.length;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const { length } = name;
    if (length > MAX_NAME_CHARS) return 0;
    const ends = name.charCodeAt(length >> 1) + (name.charCodeAt(length - 1) << 8);
    hash = (Math.imul(hash, 31) + ends + length) | 0;
  }
  return hash;
}

function createShape(names: readonly string[]): Shape | undefined {
  // The writer finds the place of a lone surrogate for its error.
  if (!names.every(isWellFormed)) return undefined;
  const sorted = inCanonicalOrder([...names]);
  const texts = sorted.map((name) => encoder.encode(`,${JSON.stringify(name)}:`));
  const starts = [0];
  for (const { length } of texts) starts.push((starts.at(-1) as number) + ((length + 7) >> 3));
  const bytes = new Uint8Array(8 * (starts.at(-1) as number));
  for (const [i, text] of texts.entries()) bytes.set(text, 8 * (starts[i] as number));
  const words = new Float64Array(bytes.buffer);
  const view = new DataView(bytes.buffer);
  // Little-endian, as the writer writes them. No text has the bytes of a NaN.
  for (let i = 0; i < words.length; i++) words[i] = view.getFloat64(8 * i, true);
  const characters = names.reduce((sum, { length }) => sum + length, 0);
  return {
    names,
    sorted,
    words,
    starts,
    byteCounts: texts.map(({ length }) => length),
    places: new Array(sorted.length).fill(undefined),
    heldBytes: SHAPE_BYTES + MEMBER_BYTES * sorted.length + bytes.length + 2 * characters,
    usedAt: valueCount,
  };
}
