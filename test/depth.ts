/**
 * `npm test` samples the expensive tests. `npm run test:deep` sets TEST_DEEP and runs all of them: also
 * the files named `*.deep.test.ts`, and each `it.runIf(isDeep)`, which `npm test` reports as skipped.
 */
export const isDeep = process.env.TEST_DEEP !== undefined;

/** `npm run explore` runs what is too long for every change. */
export const isDeepest = process.env.EXPLORE_DEEPER !== undefined;

/** A count, a list or a duration: the first for `npm test`, the second for `npm run test:deep`. */
export function deep<T>(quick: T, full: T): T {
  return isDeep ? full : quick;
}
