import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: (process.env.MUTANTS_TESTS ?? '').split(','),
    // Stryker ends a mutant that hangs, much earlier.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Many mutants show by a condition that never comes: waiting longer costs that for each of them.
    expect: { poll: { timeout: 6000 } },
  },
});
