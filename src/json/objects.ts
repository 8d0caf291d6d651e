/** How JSON represents a JavaScript object. */
import { Digits } from './digits.js';
import { sortNames } from './sort-names.js';

/** Built-in objects whose content `JSON.stringify` drops silently. */
const OPAQUE =
  'Map Set WeakMap WeakSet WeakRef Promise RegExp Error ArrayBuffer SharedArrayBuffer Generator AsyncGenerator';

/**
 * Whether an object that is neither an array nor a plain object is represented by its own
 * enumerable members, like an instance of a class. A `Map`, a `Headers` or a `Blob` is not: its
 * content would be lost, and each of them would get the key of `{}`.
 */
export function hasMembers(value: object): boolean {
  if (ArrayBuffer.isView(value)) return false;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === 'Object') return true;
  return !OPAQUE.split(' ').includes(tag) && Object.keys(value).length > 0;
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

export function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return unbox(value) === value && !(value instanceof Digits);
}

/** Whether `JSON.stringify` writes an array as its elements: an array may have a `toJSON`. */
export function isOrdinary(array: readonly unknown[]): boolean {
  return Object.getPrototypeOf(array) === Array.prototype && !('toJSON' in array);
}

/** Returns the names in the order of their UTF-16 code units (RFC 8785 §3.2.3), as `<` compares. */
export function sortedNames(object: object): string[] {
  const names = Object.keys(object);
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
