import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** What a page pays for everything, the WebAssembly module included. */
const MAX_BYTES = 12_000;

it(`the whole core is at most ${MAX_BYTES} bytes, minified and gzipped`, async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../dist/index.js', import.meta.url))],
    bundle: true,
    minify: true,
    format: 'esm',
    // For browsers: an import of something that only Node has would be an error.
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
  });
  const [file] = outputFiles;
  const bytes = gzipSync(file?.contents as Uint8Array, { level: 9 }).length;
  expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
  // Everything is in it: nothing was taken for unused.
  const { exports } = Object.values(metafile.outputs)[0] as { exports: string[] };
  expect(exports).toContain('keyOf');
  expect(file?.text).toContain('SAMEKEY_');
  expect(bytes).toBeGreaterThan(4000);
});
