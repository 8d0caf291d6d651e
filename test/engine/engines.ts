import { afterAll, beforeAll, describe } from 'vitest';
import { type EngineChoice, useEngine } from '../../src/index.js';

/**
 * Every engine that a suite runs on. They are named here, not taken from `listEngines`: one that
 * has stopped working must fail, and not take its tests away with it.
 */
export const ENGINES = ['native', 'wasm', 'js', 'auto'] as const;

/** Engines whose hashers can be saved and restored. */
export const WITH_MIDSTATES = ['wasm', 'js', 'auto'] as const;

/** Engines with canonicalizers of their own: `native` escapes with plain TypeScript, as `js` does. */
export const CANONICALIZERS = ['wasm', 'js', 'auto'] as const;

/** Runs a suite once on each of `choices`, and leaves `auto` behind. */
export function onEach(choices: readonly EngineChoice[], suite: (choice: EngineChoice) => void) {
  describe.each(choices)('on %s', (choice) => {
    beforeAll(() => useEngine(choice));
    afterAll(() => useEngine('auto'));
    suite(choice);
  });
}

/** What `use` gives under `choice`; `auto` is in use again afterwards. */
export function under<T>(choice: EngineChoice, use: () => T): T {
  useEngine(choice);
  try {
    return use();
  } finally {
    useEngine('auto');
  }
}
