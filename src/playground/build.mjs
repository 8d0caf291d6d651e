/** Builds the playground: a page, a stylesheet, a script and the library's file. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { chartNumbers } from '../page/chart-numbers.mjs';

const FOLDER = 'dist/playground';

/** Runs in the repository's root, after dist/index.js is built. Returns what esbuild says of its inputs. */
export async function buildPlayground() {
  mkdirSync(FOLDER, { recursive: true });
  const { metafile } = await build({
    entryPoints: ['src/playground/playground.ts', 'src/playground/playground.css'],
    outdir: FOLDER,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    metafile: true,
    define: { EXAMPLE_TEXTS: JSON.stringify(exampleTexts()) },
    plugins: [
      chartNumbers,
      {
        // The page uses exactly the file that other users import.
        name: 'the library is a separate file',
        setup({ onResolve }) {
          onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({
            path: './samekey.js',
            external: true,
          }));
        },
      },
    ],
  });
  copyFileSync('src/playground/index.html', `${FOLDER}/index.html`);
  copyFileSync('dist/index.js', `${FOLDER}/samekey.js`);
  return metafile;
}

/** Reads the requests in examples/, by name. */
function exampleTexts() {
  const files = readdirSync('examples').filter((file) => file.endsWith('.json'));
  const names = files.map((file) => file.replace('.json', '')).sort();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(`examples/${name}.json`, 'utf8')]),
  );
}
