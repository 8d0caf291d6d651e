/** The whole core with its inlined WebAssembly in one file, as a browser would download it. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { sha256Hex } from '../reference.mjs';

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'Size of the whole core',
  async measure() {
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'neutral',
      legalComments: 'none',
      write: false,
      logLevel: 'silent',
    });
    const code = outputFiles[0]?.contents;
    if (!code) throw new Error('bundle: esbuild wrote nothing');

    const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
    const bundled = await import(url);
    const key = bundled.sha256Hex('abc');
    const expected = `ik_${sha256Hex('abc')}`;
    if (key !== expected) throw new Error(`bundle: gives ${key}, expected ${expected}`);

    return { minifiedBytes: code.length, gzippedBytes: gzipSync(code, { level: 9 }).length };
  },
};
