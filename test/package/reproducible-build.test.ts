import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isDeep } from '../depth.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NO_SOURCES = ['.git', 'node_modules', 'build', 'dist', 'test', 'bench'];

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Returns the SHA-256 of every file in a folder, by its path. */
function digests(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [relative(folder, path), sha256(readFileSync(path))]),
  );
}

describe('the build', () => {
  it.runIf(isDeep)('gives the same bytes in another folder', () => {
    mkdirSync(join(ROOT, 'build'), { recursive: true });
    const copy = mkdtempSync(join(ROOT, 'build', 'again-'));
    try {
      for (const path of readdirSync(ROOT)) {
        if (NO_SOURCES.includes(path)) continue;
        // The build must generate these files.
        cpSync(join(ROOT, path), join(copy, path), {
          recursive: true,
          filter: (from) => !from.endsWith('.generated.ts'),
        });
      }
      // A copy instead of a symbolic link: esbuild resolves links, and bundles contain the paths.
      execFileSync('cp', ['-R', join(ROOT, 'node_modules'), join(copy, 'node_modules')]);
      execFileSync(process.execPath, ['assembly/build.mjs'], { cwd: copy, stdio: 'pipe' });
      const again = digests(join(copy, 'dist'));
      expect(Object.keys(again).length).toBeGreaterThan(50);
      // If this fails after a change of the sources, run "npm run build" first.
      expect(again).toEqual(digests(join(ROOT, 'dist')));
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

describe('the inlined modules', () => {
  const index = readFileSync(join(ROOT, 'dist', 'index.js'), 'utf8');
  const inlined = [...index.matchAll(/\b0061736d[0-9a-f]+/g)].map(([hex]) =>
    Buffer.from(hex, 'hex'),
  );
  const files = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.wasm'));

  it('are the .wasm files beside them, byte for byte', () => {
    expect(files).toEqual(['core.wasm', 'json.wasm']);
    expect(inlined.map(sha256).sort()).toEqual(
      files.map((name) => sha256(readFileSync(join(ROOT, 'dist', name)))).sort(),
    );
  });

  it('import nothing', () => {
    for (const bytes of inlined) {
      expect(WebAssembly.Module.imports(new WebAssembly.Module(bytes))).toEqual([]);
    }
  });

  it('are in no other file', () => {
    for (const name of ['workerd.js', 'edge.js', 'pure.js']) {
      expect(readFileSync(join(ROOT, 'dist', name), 'utf8')).not.toContain('0061736d');
    }
  });
});

describe('SECURITY.md', () => {
  const blocks = [
    ...readFileSync(join(ROOT, 'SECURITY.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm),
  ];
  const run = (command = '') =>
    execFileSync('bash', ['-ec', command], { cwd: ROOT, encoding: 'utf8' });

  it('has commands that list the digests of the shipped files', () => {
    const lines = run(blocks[0]?.[1]).trim().split('\n');
    expect(lines.map((line) => line.split(/\s+/)[1])).toEqual(
      expect.arrayContaining(['dist/index.js', 'dist/core.wasm', 'dist/cli/samekey.js']),
    );
  });

  it('has commands that compare the inlined modules with those files', () => {
    const lines = run(blocks[1]?.[1]).trim().split('\n');
    const [core, json, coreFile, jsonFile] = lines.map((line) => line.split(' '));
    expect(new Set([core?.[0], json?.[0]])).toEqual(new Set([coreFile?.[0], jsonFile?.[0]]));
    expect([core?.[1], json?.[1]]).toEqual(['[]', '[]']);
    expect(lines).toHaveLength(4);
  });
});
