import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

const hexOf = (module: string) =>
  readFileSync(new URL(`../../dist/${module}.wasm`, import.meta.url)).toString('hex');

/** Returns what an import of `names` adds to a page. */
async function bundled(names: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export ${names} from ${JSON.stringify(entry)};`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: 'esm',
    // For browsers: an import of a Node module is an error.
    platform: 'browser',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]?.contents as Uint8Array;
}

/** Returns the bytes that an import of `names` adds to a page, WebAssembly included. */
async function gzippedBytes(names: string): Promise<{ bytes: number; text: string }> {
  const contents = await bundled(names);
  const bytes = gzipSync(contents, { level: 9 }).length;
  // Larger than the WebAssembly module, so the module was not dropped as unused.
  expect(bytes).toBeGreaterThan(4000);
  return { bytes, text: new TextDecoder().decode(contents) };
}

it.each(['{ NAMESPACE_DNS }', '{ isKey }'])('%s brings nothing else', async (names) => {
  expect(new TextDecoder().decode(await bundled(names)).length).toBeLessThan(120);
});

const DIGESTS = '{ sha256Hex, scoped, sha256, sha1, createSha256, uuidv5, isKey, useEngine }';

// bench/targets.mjs has the sizes that are wanted. The limits here are slightly above the present sizes, so that growth is noticed.
const canonicalizer = {
  ofValues: 'SAMEKEY_CYCLE',
  ofTexts: 'SAMEKEY_TOO_LONG',
  json: hexOf('json'),
};

it.each([
  ['sha256Hex', '{ sha256Hex }', 16_700, []],
  ['digests, keys of bytes and UUIDs', DIGESTS, 17_500, []],
  ['keys of values', '{ keyOf }', 33_550, ['ofValues', 'json']],
  ['keys of texts', '{ keyOfJson }', 36_700, ['ofValues', 'ofTexts', 'json']],
  ['everything', '*', 42_100, ['ofValues', 'ofTexts', 'json']],
] as const)(
  '%s: with no more of the canonicalizer than that needs',
  async (_, names, most, parts) => {
    const { bytes, text } = await gzippedBytes(names);
    expect(bytes).toBeLessThanOrEqual(most);
    const there = Object.entries(canonicalizer).filter(([, mark]) => text.includes(mark));
    expect(there.map(([part]) => part)).toEqual(parts);
  },
);
