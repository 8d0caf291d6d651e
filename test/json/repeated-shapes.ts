import { random } from '../runtime/random.js';
import { type Container, containerKind, makeArray, makeObject } from './containers.js';
import { type Leaf, leaf, leafKind } from './leaves.js';

/**
 * Streams of values that repeat their shapes and then break the habit: the same names at the same
 * place with other values, then one name more, one less, another order, another type. They are for
 * code that remembers the shape of a place.
 */

/** A shape. It never changes: a mutation makes another one. */
export type Shape = ObjectShape | ArrayShape | LeafShape;

interface ObjectShape {
  readonly type: 'object';
  readonly names: readonly string[];
  readonly members: readonly Shape[];
  readonly kind: Container;
}
interface ArrayShape {
  readonly type: 'array';
  readonly elements: readonly Shape[];
  /** How often the elements are repeated: the messages of a chat have one shape. */
  readonly repeat: number;
  readonly kind: Container;
}
interface LeafShape {
  readonly type: 'leaf';
  readonly kind: Leaf;
}

const NAMES = 'a b c id role content type items meta name text input x y z value'.split(' ');

/** Names that look alike, that V8 orders on its own, or that need an escape. */
const ODD_NAMES = [
  ...['contenT', 'conten', 'contents', 'rolE', 'ab', 'ba', 'A', '', ' ', 'toJSON', 'length'],
  ...['0', '1', '9', '10', '-1', '01', '1.5', '4294967294', '4294967295', '9007199254740992'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', 'then'],
  ...[
    '"',
    '\\',
    'a"',
    'a\\',
    '\n',
    '\0',
    'a\u001f',
    '\u007f',
    'é',
    'naïve',
    '東京',
    '🧳',
    '\uffff',
  ],
  ...['\ue000', '\u{10000}', 'a/b', 'a~b', 'k'.repeat(64), `${'k'.repeat(64)}"`, 'n'.repeat(300)],
  ...['content\0', 'a\0b', 'b,a', 'a":'],
];

type Next = () => number;
const below = (next: Next, count: number) => Math.floor(next() * count);
const pick = <T>(next: Next, list: readonly T[]) => list[below(next, list.length)] as T;

function newName(next: Next): string {
  const draw = next();
  if (draw < 0.88) return pick(next, NAMES);
  return draw < 0.997 ? pick(next, ODD_NAMES) : 'a\udc00';
}

function newNames(next: Next): string[] {
  const draw = next();
  if (draw < 0.01) {
    const count = pick(next, [17, 23, 24, 25, 26, 40, 63, 64, 65, 70, 130]);
    return Array.from({ length: count }, (_, i) => `k${(i * 7919) % 1009}`);
  }
  if (draw < 0.0105) return Array.from({ length: 300 }, (_, i) => `k${(i * 7919) % 100_003}`);
  return [...new Set(Array.from({ length: below(next, 6) }, () => newName(next)))];
}

const newLeaf = (next: Next): LeafShape => ({ type: 'leaf', kind: leafKind(next) });

export function newShape(next: Next, depth = 0): Shape {
  const draw = next();
  if (depth === 3 || draw < (depth === 0 ? 0.03 : 0.45)) return newLeaf(next);
  if (draw < (depth === 0 ? 0.15 : 0.65)) {
    const elements = Array.from({ length: below(next, 3) }, () => newShape(next, depth + 1));
    const repeat = next() < 0.5 ? 1 : 1 + below(next, 3);
    return { type: 'array', elements, repeat, kind: containerKind(next) };
  }
  const names = newNames(next);
  // Many members of any depth would be large values only.
  const deepest = names.length > 8 ? 3 : depth + 1;
  const members = names.map(() => newShape(next, deepest));
  return { type: 'object', names, members, kind: containerKind(next) };
}

/** The same shape with one change, somewhere. */
export function mutated(shape: Shape, next: Next, depth = 0): Shape {
  const inside =
    shape.type === 'object' ? shape.members : shape.type === 'array' ? shape.elements : [];
  if (inside.length > 0 && next() < 0.6) {
    const at = below(next, inside.length);
    const changed = inside.with(at, mutated(inside[at] as Shape, next, depth + 1));
    return shape.type === 'object'
      ? { ...shape, members: changed }
      : { ...(shape as ArrayShape), elements: changed };
  }
  if (next() < 0.15) return newShape(next, Math.max(depth, 1));
  if (shape.type === 'object') return mutatedObject(shape, next, depth);
  if (shape.type === 'leaf') return newLeaf(next);
  return next() < 0.3
    ? { ...shape, kind: containerKind(next) }
    : { ...shape, repeat: 1 + below(next, 5) };
}

function mutatedObject(shape: ObjectShape, next: Next, depth: number): Shape {
  const entries = shape.names.map((name, i) => [name, shape.members[i] as Shape] as const);
  const of = (list: readonly (readonly [string, Shape])[]): Shape => {
    const members = [...new Map(list)];
    return {
      ...shape,
      names: members.map(([name]) => name),
      members: members.map(([, member]) => member),
    };
  };
  const { length } = entries;
  const at = below(next, length + 1);
  const name = entries[at % (length || 1)]?.[0] ?? newName(next);
  switch (below(next, 9)) {
    case 0:
      return { ...shape, kind: containerKind(next) };
    case 1: // The same names in another order.
      return of(entries.toSorted(() => next() - 0.5));
    case 2:
      return of(entries.filter(([each]) => each !== name));
    case 3: // One member more, anywhere.
      return of(entries.toSpliced(at, 0, [newName(next), newShape(next, depth + 1)]));
    case 4: // Another name, often one of the same length.
      return of(
        entries.map(([each, value]) => [
          each === name ? pick(next, [newName(next), swapCase(name), `${name}x`]) : each,
          value,
        ]),
      );
    case 5: // Two names trade their members.
      return of(entries.map(([each], i) => [each, entries.at(-1 - i)?.[1] as Shape]));
    case 6: // Put around itself, so that a place has the shape of its parent.
      return of(entries.map(([each, value]) => [each, each === name ? shape : value]));
    case 7: // Two names become one, which a list of names written as one text may not tell apart.
      return of(
        length < 2 || at >= length - 1
          ? entries
          : entries.toSpliced(at, 2, [
              `${name}${pick(next, SEPARATORS)}${entries[at + 1]?.[0]}`,
              entries[at]?.[1] as Shape,
            ]),
      );
    default:
      return of(entries.map(([each, value]) => [each, each === name ? newLeaf(next) : value]));
  }
}

/** How many values a shape has. Mutations must not let it grow without end. */
function sizeOf(shape: Shape): number {
  if (shape.type === 'leaf') return 1;
  const inside = shape.type === 'object' ? shape.members : shape.elements;
  const sum = inside.reduce((total, each) => total + sizeOf(each), 1);
  return shape.type === 'array' ? sum * shape.repeat : sum;
}
const MOST_VALUES = 50;

const SEPARATORS = [',', '\0', '', '":', '","', '\n', '\u0001'];

const swapCase = (name: string) =>
  name.replace(/[a-zA-Z]$/, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );

/** Makes equal values again and again. It matters for those that change while they are read. */
export type Maker = () => unknown;

function makerOf(shape: Shape, seed: number): Maker {
  const build = new Build(seed);
  const first = build.value(shape, []);
  return build.isStateful ? () => new Build(seed).value(shape, []) : () => first;
}

/** Fills one shape with content. */
export class Build {
  readonly next: Next;
  /** Whether the value changes when it is read. */
  isStateful = false;

  constructor(seed: number) {
    this.next = random(seed);
  }

  value(shape: Shape, ancestors: readonly object[]): unknown {
    if (shape.type === 'leaf') {
      // A place keeps its type, until it does not.
      const kind = this.next() < 0.03 ? leafKind(this.next) : shape.kind;
      return leaf(kind, this.next, ancestors);
    }
    if (shape.type === 'array') {
      const list = Array.from({ length: shape.repeat }, () => shape.elements).flat();
      return makeArray(shape.kind, this, ancestors, (inside) =>
        list.map((element) => this.value(element, inside)),
      );
    }
    return makeObject(shape.kind, this, ancestors, (inside) =>
      shape.names.map((name, i) => [name, this.value(shape.members[i] as Shape, inside)]),
    );
  }
}

/** An endless stream of values with few shapes at a time. The same seed gives the same stream. */
export class ShapeStream {
  readonly #next: Next;
  readonly #shapes: Shape[];
  #last = 0;
  #variant: Shape;

  constructor(seed: number) {
    this.#next = random(seed);
    this.#shapes = Array.from({ length: 8 }, () => newShape(this.#next));
    this.#variant = this.#shapes[0] as Shape;
  }

  make(): Maker {
    return makerOf(this.#shape(), Math.floor(this.#next() * 2 ** 32));
  }

  #shape(): Shape {
    const next = this.#next;
    if (next() < 0.5) this.#last = below(next, this.#shapes.length);
    const shape = this.#shapes[this.#last] as Shape;
    const draw = next();
    if (draw < 0.65) return shape;
    if (draw < 0.72) return this.#variant;
    this.#variant = draw < 0.98 ? mutated(shape, next) : newShape(next);
    if (sizeOf(this.#variant) > MOST_VALUES) this.#variant = newShape(next);
    // Most variants come once or twice; some stay, and the place has a new habit.
    if (draw > 0.92) this.#shapes[this.#last] = this.#variant;
    return this.#variant;
  }
}
