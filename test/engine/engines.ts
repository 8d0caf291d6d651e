import { afterAll, beforeAll, describe } from 'vitest';
import { type EngineChoice, useEngine } from '../../src/index.js';

/**
 * The engines that each suite runs on. They are listed here, not read from `listEngines`: an engine
 * that has stopped working must fail its tests, not skip them.
 */
export const ENGINES = ['native', 'wasm', 'js', 'auto'] as const;

/** Engines whose hashers can be saved and restored. */
export const WITH_MIDSTATES = ['wasm', 'js', 'auto'] as const;

/**
 * Engines with a canonicalizer of their own. `native` escapes with plain TypeScript, as `js` does.
 */
export const CANONICALIZERS = ['wasm', 'js', 'auto'] as const;

/** Runs a suite once on each of `choices`, and selects `auto` afterwards. */
export function onEach(choices: readonly EngineChoice[], suite: (choice: EngineChoice) => void) {
  describe.each(choices)('on %s', (choice) => {
    beforeAll(() => useEngine(choice));
    afterAll(() => useEngine('auto'));
    suite(choice);
  });
}

/** Returns the result of `use` under `choice`, and selects `auto` afterwards. */
export function under<T>(choice: EngineChoice, use: () => T): T {
  useEngine(choice);
  try {
    return use();
  } finally {
    useEngine('auto');
  }
}
