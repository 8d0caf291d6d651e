/** What a JavaScript object is to JSON. */
import { sortNames } from './sort-names.js';

/** Built-in objects whose content `JSON.stringify` drops without a word. */
const OPAQUE =
  'Map Set WeakMap WeakSet WeakRef Promise RegExp Error ArrayBuffer SharedArrayBuffer Generator AsyncGenerator';

/**
 * Whether an object that is no array and no plain object stands for its own enumerable members, as
 * an instance of a class does. A `Map`, a `Headers` or a `Blob` does not: its content would be lost,
 * and every one of them would get the key of `{}`.
 */
export function hasMembers(value: object): boolean {
  if (ArrayBuffer.isView(value)) return false;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === 'Object') return true;
  return !OPAQUE.split(' ').includes(tag) && Object.keys(value).length > 0;
}

/** The primitive in a `new String(…)`, `new Number(…)` or `new Boolean(…)`, or the value itself. */
export function unbox(value: object): unknown {
  try {
    // The tag can be claimed by anybody; `valueOf` throws for whoever holds no such primitive.
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
  return typeof value === 'object' && value !== null && unbox(value) === value;
}

/** Whether `JSON.stringify` takes an array as what it holds: it asks for `toJSON`, too. */
export function isOrdinary(array: readonly unknown[]): boolean {
  return Object.getPrototypeOf(array) === Array.prototype && !('toJSON' in array);
}

/** Names in the order of their UTF-16 code units (RFC 8785 §3.2.3), which is what `<` compares. */
export function sortedNames(object: object): string[] {
  const names = Object.keys(object);
  const { length } = names;
  for (let i = 1; i < length; i++) {
    const name = names[i] as string;
    if ((names[i - 1] as string) <= name) continue;
    // Members mostly come nearly sorted or few: insertion beats `sort` up to about 24 of them.
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
