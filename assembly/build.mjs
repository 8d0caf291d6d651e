/**
 * The whole build: assembly/ → build/*.wasm → src/engine/wasm/module/*.generated.ts → dist/.
 *
 * The modules are inlined as text, because that needs no bundler configuration, no file access and
 * no network. Hexadecimal compresses better: gzip finds its repetitions (11.5 KB), which base64
 * hides by shifting them (14.7 KB).
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';
import { buildPage } from '../src/page/build-page.mjs';
import { buildPlayground } from '../src/playground/build.mjs';
import { recordBundled, writeBundled } from './bundled.mjs';
import { shrink } from './shrink.mjs';

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

/** The two modules: `core` digests, `json` handles raw JSON and lists of numbers. */
const MODULES = { core: 'assembly/index.ts', json: 'assembly/json/index.ts' };

for (const [name, entry] of Object.entries(MODULES)) {
  await compile(name, entry);
  const hex = readFileSync(`build/${name}.wasm`).toString('hex');
  writeFileSync(
    `src/engine/wasm/module/${name}.generated.ts`,
    `/** ${entry}, compiled by \`npm run build\`. */\nexport const ${name.toUpperCase()}_HEX: string =\n  '${hex}';\n`,
  );
}
await compile('core-debug', MODULES.core);
await compile('json-debug', MODULES.json, 'assembly/json/kernels.ts');

// Checks the types, and writes the type declarations.
for (const project of ['tsconfig.json', 'src/pool/tsconfig.json']) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  });
}

const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  // ASCII only: V8 then stores one byte per character, and importing takes 6.0 ms instead of 7.1.
  charset: 'ascii',
  logLevel: 'warning',
};

/** Builds files of the library, which V8 compiles at every start of a program. */
async function buildSmall(options) {
  const result = await build({ ...shared, ...options, write: false });
  for (const { path, text } of result.outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await shrink(text));
  }
  return result;
}

/** Programs, which nobody bundles: the names stay as they are. */
const program = { ...shared, platform: 'node', minifyWhitespace: true, minifySyntax: true };

/**
 * The file of src/engine/wasm/module/ from which each variant of the library gets its WebAssembly.
 */
const LIBRARY = { index: 'inlined', workerd: 'workerd', edge: 'edge', pure: 'none' };

// One file each: Node takes a millisecond per module, and bundlers drop unused code from one file
// as well as from forty.
for (const [name, variant] of Object.entries(LIBRARY)) {
  await buildSmall({
    entryPoints: ['src/index.ts'],
    outfile: `dist/${name}.js`,
    platform: 'neutral',
    plugins: [
      {
        name: 'variant of WebAssembly',
        setup({ onResolve }) {
          onResolve({ filter: /\/module\/inlined\.js$/ }, () => ({
            path: `${root}src/engine/wasm/module/${variant}.ts`,
          }));
          onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path }) => ({ path, external: true }));
        },
      },
    ],
  });
}
for (const name of Object.keys(MODULES)) copyFileSync(`build/${name}.wasm`, `dist/${name}.wasm`);

/** Keeps the library external where other entries import it, so that there is only one copy. */
const external = (path, ...entries) => ({
  name: 'external library',
  setup({ onResolve }) {
    onResolve({ filter: /^(?:\.\.\/)+index\.js$/ }, () => ({ path, external: true }));
    onResolve({ filter: /^\.\.\// }, ({ path }) =>
      entries.includes(path) ? { path, external: true } : undefined,
    );
  },
});

// The pool and its threads run only on Node.
await build({
  ...shared,
  entryPoints: ['src/pool/pool.ts', 'src/pool/worker.ts'],
  outdir: 'dist/pool',
  platform: 'node',
  plugins: [external('../index.js')],
});

const { exports, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
/** The source files of the entry points, derived from `exports` in package.json. */
const ENTRIES = Object.values(exports)
  .map((entry) => entry.default?.replace(/^\.\/dist\/(.+)\.js$/, 'src/$1.ts'))
  .filter((source) => source !== undefined && existsSync(source));
/** These entries use Node's modules, and are built for Node below and above. */
const FOR_NODE = ['src/pool/pool.ts', 'src/store/lmdb.ts'];

// The library is external under its package name, so that each platform gets its own variant.
const { metafile: once } = await buildSmall({
  entryPoints: ENTRIES.filter((source) => source !== 'src/index.ts' && !FOR_NODE.includes(source)),
  outdir: 'dist',
  outbase: 'src',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['browser'],
  external: Object.keys(peerDependencies),
  // Shared code is in shared files, so that all entries have the same error classes.
  splitting: true,
  chunkNames: 'shared/[hash]',
  plugins: [external('samekey')],
  metafile: true,
});
recordBundled(once, 'dist/shared');

// For Node, Deno and Bun. Built apart, so that the entries above share fewer files.
await buildSmall({
  entryPoints: ['src/store/lmdb.ts'],
  outdir: 'dist/store',
  platform: 'node',
  packages: 'external',
});

/** Defines `require` for CommonJS packages in a bundle, under a name that no package uses. */
const commonJs = {
  js: "import { createRequire as createBannerRequire } from 'node:module';\nconst require = createBannerRequire(import.meta.url);",
};

// The command line includes its argument parser and its progress bar, so that samekey has no
// dependencies.
const { metafile } = await build({
  ...program,
  entryPoints: ['src/cli/samekey.ts'],
  outfile: 'dist/cli/samekey.js',
  banner: commonJs,
  metafile: true,
});
recordBundled(metafile, 'dist/cli');

// The proxy includes its log and its metrics. It is a separate file, so that other commands start
// faster.
const { metafile: proxy } = await build({
  ...program,
  entryPoints: ['src/proxy/proxy.ts'],
  outfile: 'dist/proxy/proxy.js',
  banner: commonJs,
  plugins: [external('../index.js', '../fetch/fetch.js')],
  metafile: true,
});
recordBundled(proxy, 'dist/proxy');

// The dashboard's server, beside its page.
const { metafile: dashboard } = await build({
  ...program,
  entryPoints: ['src/dashboard/server.ts'],
  outfile: 'dist/dashboard/server.js',
  metafile: true,
});
recordBundled(dashboard, 'dist/dashboard');

recordBundled(await buildPlayground(), 'dist/playground');
recordBundled(await buildPage('dashboard', 'src/dashboard/page'), 'dist/dashboard');
writeBundled();
