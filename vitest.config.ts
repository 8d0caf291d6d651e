import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** `npm run test:deep` runs only the files in which depth makes a difference: see test/depth.ts. */
const deepFiles = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => join('test', path))
  .filter((path) => /\/depth\.js'/.test(readFileSync(join(ROOT, path), 'utf8')));

export default defineConfig({
  test: {
    include: process.env.TEST_DEEP === undefined ? ['test/**/*.test.ts'] : deepFiles,
    globalSetup: 'test/depth-notice.ts',
    // A slow and busy machine must pass. The timeouts only catch a test that hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // On two cores: the tests use half of the time to wait for other processes.
    maxWorkers: 3,
  },
});
