const AT_ONCE = Symbol('the same without a promise');

type Method<A extends unknown[], T> = (...args: A) => Promise<T>;

/** `method` of a store that never waits, with `direct`, which does the same without a promise. */
export function alsoAtOnce<S, A extends unknown[], T>(
  method: Method<A, T>,
  direct: (this: S, ...args: A) => T,
): void {
  Object.defineProperty(method, AT_ONCE, { value: direct });
}

/**
 * Returns the variant of a store's method that answers at once, if it has one. In a memory store a promise
 * costs as much as the step itself, and a call of `once` made six promises for its two steps.
 *
 * It belongs to the function, not to the store: a wrapper that replaces the function is always asked.
 */
export function atOnce<A extends unknown[], T>(
  method: Method<A, T>,
): ((...args: A) => T) | undefined {
  return (method as { [AT_ONCE]?: (...args: A) => T })[AT_ONCE];
}
