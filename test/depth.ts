/**
 * `npm test` samples the expensive tests. `npm run test:deep` sets TEST_DEEP and runs all of them. Every
 * rule has a test in both: depth changes how often, or on how many stores, a rule is tested. A test that
 * `npm test` has no time for is an `it.runIf(isDeep)`, which `npm test` reports as skipped.
 */
export const isDeep = process.env.TEST_DEEP !== undefined;

/** A count, a list or a duration: the first for `npm test`, the second for `npm run test:deep`. */
export function deep<T>(quick: T, full: T): T {
  return isDeep ? full : quick;
}
