/**
 * The whole build: assembly/ → build/release.wasm → src/engine/wasm/module.generated.ts → dist/.
 *
 * The module is inlined as base64 because that is the one way of loading it that needs no
 * bundler set-up, no file access and no network.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

async function compile(target) {
  const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target]);
  if (error) {
    process.stderr.write(stderr.toString());
    throw error;
  }
}

rmSync('dist', { recursive: true, force: true });
mkdirSync('build', { recursive: true });
await compile('release');
await compile('debug');

const base64 = readFileSync('build/release.wasm').toString('base64');
writeFileSync(
  'src/engine/wasm/module.generated.ts',
  `/** assembly/, compiled by \`npm run build\`. */\nexport const WASM_BASE64 =\n  '${base64}';\n`,
);

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
  stdio: 'inherit',
});

// The command line is one file with its argument parser inside, so that samekey has no
// dependencies; the parser's licence travels with it.
await build({
  entryPoints: ['src/cli/samekey.ts'],
  outfile: 'dist/cli/samekey.js',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
copyFileSync('node_modules/commander/LICENSE', 'dist/cli/commander.LICENSE');
