import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
  .map((path) => join('test', path));

/** Only `npm run test:deep` runs these: kill series, proxies and stores in many processes, … */
const isDeepOnly = (path: string) => path.endsWith('.deep.test.ts');

/** It also runs the files whose depth makes a difference: see test/depth.ts. */
const hasDepth = (path: string) => /\/depth\.js'/.test(readFileSync(join(ROOT, path), 'utf8'));

export default defineConfig({
  test: {
    include:
      process.env.TEST_DEEP === undefined
        ? files.filter((path) => !isDeepOnly(path))
        : files.filter((path) => isDeepOnly(path) || hasDepth(path)),
    globalSetup: ['test/depth-notice.ts', 'test/servers/templates.ts'],
    // A slow and busy machine must pass. The timeouts only catch a test that hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // On two cores: the tests use half of the time to wait for other processes.
    maxWorkers: 3,
  },
});
