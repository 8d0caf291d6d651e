/**
 * The tests of Nest on Nest 11: `npm run test:nest-11`. Every import of Nest's packages, also those of src/, is
 * one of this folder.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

if (!existsSync(here('node_modules'))) {
  console.log(
    `not run: Nest 11: ${here('node_modules')} is missing, run \`npm ci --prefix test/nest-11 --ignore-scripts\``,
  );
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

export default defineConfig({
  root: here('../..'),
  resolve: {
    alias: [
      {
        find: /^(@nestjs\/(?:common|core|platform-express|platform-fastify)|rxjs|reflect-metadata)$/,
        replacement: here('node_modules/$1'),
      },
    ],
  },
  test: {
    include: ['test/server/nestjs.test.ts', 'test/server/server.test.ts'],
    testNamePattern: /nest on/,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
