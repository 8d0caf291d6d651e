/** The playground: one page, one stylesheet, one script and the library's own file in a folder. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';

const FOLDER = 'dist/playground';

/** From the repository's root, when dist/index.js is there. */
export async function buildPlayground() {
  mkdirSync(FOLDER, { recursive: true });
  await build({
    entryPoints: ['src/playground/playground.ts', 'src/playground/playground.css'],
    outdir: FOLDER,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    define: { EXAMPLE_TEXTS: JSON.stringify(exampleTexts()) },
    plugins: [
      {
        // What the page shows is made by the file that everybody else imports, byte for byte.
        name: 'the library stays a file of its own',
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
  copyFileSync('node_modules/uplot/LICENSE', `${FOLDER}/uplot.LICENSE`);
}

/** The requests in examples/ by name, as their files have them. */
function exampleTexts() {
  const files = readdirSync('examples').filter((file) => file.endsWith('.json'));
  const names = files.map((file) => file.replace('.json', '')).sort();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(`examples/${name}.json`, 'utf8')]),
  );
}
