/** The size that an import of samekey adds to a page, WebAssembly included: minified, then gzipped. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { sha256Hex } from '../reference.mjs';

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** Each imports more than the one before. All import `sha256Hex`, so that all can be checked. */
const IMPORTS = {
  'digests, keys of bytes, UUIDs': 'sha256Hex, scoped, sha256, sha1, createSha256, uuidv5, isKey',
  'and canonical JSON':
    'sha256Hex, scoped, sha256, sha1, createSha256, uuidv5, isKey, canonicalize, canonicalBytes',
  everything: '*',
};

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'Size of an import',
  async measure() {
    const imports = [];
    for (const [name, names] of Object.entries(IMPORTS)) {
      imports.push({ name, ...(await size(names)) });
    }
    return { imports };
  },
};

/** @param {string} names */
async function size(names) {
  const { outputFiles } = await build({
    stdin: {
      contents: `export ${names === '*' ? '*' : `{ ${names} }`} from ${JSON.stringify(entry)};`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
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
}
