/** How JSON represents a JavaScript object. */
import { Digits } from './digits.js';
import { sortNames } from './sort-names.js';

/** Built-in objects whose content `JSON.stringify` drops silently. */
const OPAQUE =
  'Map Set WeakMap WeakSet WeakRef Promise RegExp Error Date ArrayBuffer SharedArrayBuffer Generator AsyncGenerator';

/**
 * Whether an object that is neither an array nor a plain object is represented by its own
 * enumerable members, like an instance of a class. An object with state elsewhere is not: that
 * content would be lost, and two payments would get one key. State is elsewhere in
 *
 * - a built-in object, such as a `Map`, a `Headers` or an invalid `Date`, and an instance of its
 *   subclass,
 * - an instance of a class with accessors or with private fields, in itself or in a base class,
 * - an instance with own members that are not enumerable, or whose names are symbols,
 * - an instance without members whose class has methods.
 *
 * State in closures and in a `WeakMap` cannot be found beside other members.
 */
export function hasMembers(value: object): boolean {
  if (ArrayBuffer.isView(value)) return false;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (OPAQUE.split(' ').includes(tag)) return false;
  const { length } = Object.keys(value);
  if (Reflect.ownKeys(value).length !== length) return false;
  const kind = kindOf(Object.getPrototypeOf(value));
  return kind === 'open' ? length > 0 : kind === 'empty' && (length > 0 || tag === 'Object');
}

/**
 * What the prototypes of an object say of its instances: their state may be hidden; their members
 * show it; or no method could use hidden state.
 */
type Kind = 'hidden' | 'open' | 'empty';

const kinds = /* @__PURE__ */ new WeakMap<object, Kind>();

function kindOf(prototype: object): Kind {
  const known = kinds.get(prototype);
  if (known !== undefined) return known;
  let kind: Kind = 'empty';
  for (let each: object | null = prototype; each !== null; each = Object.getPrototypeOf(each)) {
    // The `Object.prototype` of some realm.
    if (Object.getPrototypeOf(each) === null && Object.hasOwn(each, 'hasOwnProperty')) break;
    const members = Object.entries(Object.getOwnPropertyDescriptors(each));
    if (members.some(([, { get, set }]) => get !== undefined || set !== undefined)) kind = 'hidden';
    if (hidesState(Object.getOwnPropertyDescriptor(each, 'constructor')?.value)) kind = 'hidden';
    if (kind === 'hidden') break;
    if (members.some(([name, { value }]) => name !== 'constructor' && typeof value === 'function'))
      kind = 'open';
  }
  kinds.set(prototype, kind);
  return kind;
}

/** `.#cents`, as written, and the functions that TypeScript, Babel and esbuild put in its place. */
const PRIVATE = /\.#[\p{ID_Start}$_]|_(?:class)?[pP]rivate(?:Field|Get|Set|Add|Method)/u;

/** Whether a class is built in, or its source uses private fields, which no program can list. */
function hidesState(maker: unknown): boolean {
  if (typeof maker !== 'function') return false;
  const source = Function.prototype.toString.call(maker);
  return /\[native code\]\s*\}$/.test(source) || PRIVATE.test(source);
}

/**
 * Returns the primitive in a `new String(…)`, `new Number(…)` or `new Boolean(…)`, or the value
 * itself.
 */
export function unbox(value: object): unknown {
  try {
    // Any object can claim the tag. `valueOf` throws for an object without such a primitive.
    switch (Object.prototype.toString.call(value)) {
      case '[object String]':
        return String.prototype.valueOf.call(value);
      case '[object Number]':
        return Number.prototype.valueOf.call(value);
      case '[object Boolean]':
        return Boolean.prototype.valueOf.call(value);
    }
  } catch {}
  return value;
}

export function isInvalidDate(value: object): boolean {
  try {
    return Number.isNaN(Date.prototype.getTime.call(value));
  } catch {
    return false;
  }
}

export function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return unbox(value) === value && !(value instanceof Digits);
}

/** Whether `JSON.stringify` writes an array as its elements: an array may have a `toJSON`. */
export function isOrdinary(array: readonly unknown[]): boolean {
  return Object.getPrototypeOf(array) === Array.prototype && !('toJSON' in array);
}

/** Sorts names by their UTF-16 code units (RFC 8785 §3.2.3), as `<` compares, and returns them. */
export function inCanonicalOrder(names: string[]): string[] {
  const { length } = names;
  for (let i = 1; i < length; i++) {
    const name = names[i] as string;
    if ((names[i - 1] as string) <= name) continue;
    // Members are usually few or nearly sorted: insertion is faster than `sort` up to about 24
    // members.
    if (length > 24) {
      sortNames(names);
      return names;
    }
    let j = i - 1;
    do {
      names[j + 1] = names[j] as string;
      j--;
    } while (j >= 0 && (names[j] as string) > name);
    names[j + 1] = name;
  }
  return names;
}
