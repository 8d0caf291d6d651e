/**
 * `npm test` samples the expensive tests. `npm run test:deep` sets TEST_DEEP and runs the rest: the files
 * named `*.deep.test.ts`, each `it.runIf(isDeep)`, which `npm test` reports as skipped, and what depends on
 * the functions below.
 */
export const isDeep = process.env.TEST_DEEP !== undefined;

/** `npm run explore` runs what is too long for every change. */
export const isDeepest = process.env.EXPLORE_DEEPER !== undefined;

/** A count, a list or a duration: the first for `npm test`, the second for `npm run test:deep`. */
export function deep<T>(quick: T, full: T): T {
  return isDeep ? full : quick;
}

/** The part of a list that is tested now: what `isQuick` names for `npm test`, and the rest for `npm run test:deep`. */
export function part<T>(list: readonly T[], isQuick: (each: T, at: number) => boolean): T[] {
  return list.filter((each, at) => isQuick(each, at) !== isDeep);
}
