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
 * Returns the variant of a store's method that answers at once, if it has one. A promise costs as much as
 * the step of a store in memory, and a call of `once` took six for two of them.
 *
 * It belongs to the function, not to the store: a wrapper that replaces the function is always asked.
 */
export function atOnce<A extends unknown[], T>(
  method: Method<A, T>,
): ((...args: A) => T) | undefined {
  return (method as { [AT_ONCE]?: (...args: A) => T })[AT_ONCE];
}
