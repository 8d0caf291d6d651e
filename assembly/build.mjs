/**
 * The whole build: assembly/ → build/*.wasm → src/engine/wasm/module/*.generated.ts → dist/.
 *
 * The modules are inlined as text because that is the one way of loading them that needs no bundler
 * set-up, no file access and no network; as hexadecimal because gzip finds the repetitions in that
 * (11.5 KB), which base64 hides by shifting them (14.7 KB).
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';
import { buildPlayground } from '../src/playground/build.mjs';

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

/** The two modules: digests, and what only raw JSON and lists of numbers need. */
const MODULES = { core: 'assembly/index.ts', json: 'assembly/json/index.ts' };

for (const [name, entry] of Object.entries(MODULES)) {
  await compile(name, entry);
  const hex = readFileSync(`build/${name}.wasm`).toString('hex');
  writeFileSync(
    `src/engine/wasm/module/${name}.generated.ts`,
    `/** ${entry}, compiled by \`npm run build\`. */\nexport const ${name.toUpperCase()}_HEX =\n  '${hex}';\n`,
  );
}
await compile('core-debug', MODULES.core);
await compile('json-debug', MODULES.json, 'assembly/json/kernels.ts');

// Type declarations, and the types are checked on the way.
for (const project of ['tsconfig.json', 'src/pool/tsconfig.json']) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  });
}

const shared = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  // ASCII only, which V8 keeps in one byte a character: importing takes 6.0 ms, with one `…` in the
  // source 7.1. Minified it would take 5.3, but without the annotations that let bundlers drop
  // what is not used.
  charset: 'ascii',
  logLevel: 'warning',
};

/** Which of src/engine/wasm/module/ a file of the library gets its WebAssembly by. */
const LIBRARY = { index: 'inlined', workerd: 'workerd', edge: 'edge', pure: 'none' };

// One file each: Node takes a millisecond for every module it loads, bundlers shake the unused out
// of one file as well as out of forty.
for (const [name, way] of Object.entries(LIBRARY)) {
  await build({
    ...shared,
    entryPoints: ['src/index.ts'],
    outfile: `dist/${name}.js`,
    platform: 'neutral',
    plugins: [
      {
        name: 'the way of getting WebAssembly',
        setup({ onResolve }) {
          onResolve({ filter: /\/module\/inlined\.js$/ }, () => ({
            path: `${root}src/engine/wasm/module/${way}.ts`,
          }));
          onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path }) => ({ path, external: true }));
        },
      },
    ],
  });
}
for (const name of Object.keys(MODULES)) copyFileSync(`build/${name}.wasm`, `dist/${name}.wasm`);

/** What uses the library, where it is imported from there: one copy of it for all. */
const outside = (path, ...entries) => ({
  name: 'the library stays outside',
  setup({ onResolve }) {
    onResolve({ filter: /^(?:\.\.\/)+index\.js$/ }, () => ({ path, external: true }));
    onResolve({ filter: /^\.\.\// }, ({ path }) =>
      entries.includes(path) ? { path, external: true } : undefined,
    );
  },
});

// The pool and its threads are for Node only.
await build({
  ...shared,
  entryPoints: ['src/pool/pool.ts', 'src/pool/worker.ts'],
  outdir: 'dist/pool',
  platform: 'node',
  plugins: [outside('../index.js')],
});

/** The packages that went into a bundle, whose licences travel with it. */
function copyLicences({ inputs }, folder) {
  const packages = Object.keys(inputs).map(
    (path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1],
  );
  for (const name of new Set(packages.filter(Boolean))) {
    const licence = readdirSync(`node_modules/${name}`).find((file) => /^licen[cs]e/i.test(file));
    if (!licence) throw new Error(`the licence of ${name} is not in its package`);
    copyFileSync(`node_modules/${name}/${licence}`, `${folder}/${name.replace('/', '-')}.LICENSE`);
  }
}

/** The sources of the entry points, as `exports` of package.json names what is built of them. */
const ENTRIES = Object.values(JSON.parse(readFileSync('package.json', 'utf8')).exports)
  .map((entry) => entry.default?.replace(/^\.\/dist\/(.+)\.js$/, 'src/$1.ts'))
  .filter((source) => source !== undefined && existsSync(source));
/** They use Node's modules, and are built for it below and above. */
const FOR_NODE = ['src/pool/pool.ts', 'src/store/lmdb.ts'];

// By its name, so that each platform gets its own file of the library.
const { metafile: once } = await build({
  ...shared,
  entryPoints: ENTRIES.filter((source) => source !== 'src/index.ts' && !FOR_NODE.includes(source)),
  outdir: 'dist',
  outbase: 'src',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['browser'],
  external: ['@opentelemetry/api'],
  // What several of them need is there once, so that an error of one is known to the other.
  splitting: true,
  chunkNames: 'shared/[hash]',
  plugins: [outside('samekey')],
  metafile: true,
});
copyLicences(once, 'dist/shared');

// For Node, Deno and Bun; LMDB itself stays outside.
await build({
  ...shared,
  entryPoints: ['src/store/lmdb.ts'],
  outdir: 'dist/store',
  platform: 'node',
  packages: 'external',
});

/** For what is CommonJS inside. Names that nothing there has. */
const commonJs = {
  js: "import { createRequire as createBannerRequire } from 'node:module';\nconst require = createBannerRequire(import.meta.url);",
};

// The command line has its argument parser and its progress bar inside, so that samekey has no
// dependencies; their licences travel with it.
const { metafile } = await build({
  ...shared,
  entryPoints: ['src/cli/samekey.ts'],
  outfile: 'dist/cli/samekey.js',
  platform: 'node',
  banner: commonJs,
  metafile: true,
});
copyLicences(metafile, 'dist/cli');

// So has the proxy its log and its metrics, apart from the rest, which starts sooner without them.
const { metafile: proxy } = await build({
  ...shared,
  entryPoints: ['src/proxy/proxy.ts'],
  outfile: 'dist/proxy/proxy.js',
  platform: 'node',
  banner: commonJs,
  plugins: [outside('../index.js', '../fetch/fetch.js')],
  metafile: true,
});
copyLicences(proxy, 'dist/proxy');

await buildPlayground();
