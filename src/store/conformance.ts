import { readOptions } from '../options/read.js';
import { claimRules } from './conformance/claim-rules.js';
import { contentRules } from './conformance/content-rules.js';
import { modelCheck } from './conformance/model-check.js';
import { ownerRules } from './conformance/owner-rules.js';
import { raceRules } from './conformance/race-rules.js';
import { recordRules } from './conformance/record-rules.js';
import { type ConformanceOptions, conformanceOptions, Stage } from './conformance/stage.js';

export type { ConformanceOptions } from './conformance/stage.js';
export type * from './store.js';

/** A test case for any test runner: `it(name, run)`. */
export interface ConformanceCase {
  /** The rule that the test checks, as a test title. */
  readonly name: string;
  /** Rejects with the reply of the store and the one that was wanted. */
  readonly run: () => Promise<void>;
}

const RULES = [
  ...claimRules,
  ...ownerRules,
  ...recordRules,
  ...contentRules,
  ...raceRules,
  modelCheck,
];

/**
 * Returns the tests that a custom store must pass to work with `samekey/once`: what each call may
 * do to a record, and for which owner, many concurrent callers, and random calls compared with a model.
 *
 * For a store without a clock of its own, pass `moveClock`. For any other store the tests wait,
 * some milliseconds at a time.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type.
 * @example
 * let nowMs = Date.now();
 * const store = memoryStore({ clock: () => nowMs });
 * const cases = storeConformance({
 *   open: () => store,
 *   moveClock(byMs) {
 *     nowMs += byMs;
 *   },
 * });
 * for (const { run } of cases) await run(); // in a test file: it(name, run)
 * cases[0].name; // 'claim creates a running record for a free key'
 */
export function storeConformance(options: ConformanceOptions): readonly ConformanceCase[] {
  const settings = readOptions(conformanceOptions, options, 'options of storeConformance');
  return RULES.map(({ name, run }) => ({
    name,
    async run() {
      const stage = new Stage(settings);
      try {
        await run(stage);
      } finally {
        await stage.end();
      }
    },
  }));
}
