/**
 * The whole build: assembly/ → build/release.wasm → src/engine/wasm/module.generated.ts → dist/.
 *
 * The module is inlined as text because that is the one way of loading it that needs no bundler
 * set-up, no file access and no network; as hexadecimal because gzip finds the repetitions in that
 * (3.5 KB), which base64 hides by shifting them (4.7 KB).
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

async function compile(target, ...entries) {
  const args = [...entries, '--config', 'asconfig.json', '--target', target];
  const { error, stderr } = await asc.main(args);
  if (error) {
    process.stderr.write(stderr.toString());
    throw error;
  }
}

rmSync('dist', { recursive: true, force: true });
mkdirSync('build', { recursive: true });
await compile('release');
await compile('debug', 'assembly/kernels.ts');

const hex = readFileSync('build/release.wasm').toString('hex');
writeFileSync(
  'src/engine/wasm/module.generated.ts',
  `/** assembly/, compiled by \`npm run build\`. */\nexport const WASM_HEX =\n  '${hex}';\n`,
);

// Type declarations, and the types are checked on the way.
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
});

const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  logLevel: 'warning',
};

// One file: Node takes a millisecond for every module it loads, bundlers shake the unused out of
// one file as well as out of forty.
await build({
  ...shared,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/index.js',
  platform: 'neutral',
});

// The command line has its argument parser inside, so that samekey has no dependencies; the
// parser's licence travels with it.
await build({
  ...shared,
  entryPoints: ['src/cli/samekey.ts'],
  outfile: 'dist/cli/samekey.js',
  platform: 'node',
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
});
copyFileSync('node_modules/commander/LICENSE', 'dist/cli/commander.LICENSE');
