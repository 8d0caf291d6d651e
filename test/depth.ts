/**
 * `npm test` samples what is expensive; `npm run test:deep`, which sets TEST_DEEP, does all of it.
 * Every rule has a test in both: depth changes how often or on how many stores a rule is tested. A
 * test that `npm test` has no time for is an `it.runIf(isDeep)`; it is reported as skipped.
 */
export const isDeep = process.env.TEST_DEEP !== undefined;

/** A count, a list or a duration: the first for `npm test`, the second for `npm run test:deep`. */
export function deep<T>(quick: T, full: T): T {
  return isDeep ? full : quick;
}
