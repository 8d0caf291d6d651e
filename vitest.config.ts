import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The machine this must pass on may be slow and busy; hanging is what this catches.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Half of them wait for other processes most of the time; by itself vitest leaves a core idle.
    maxWorkers: 2,
  },
});
