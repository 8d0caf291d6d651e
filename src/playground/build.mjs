/** Builds the playground: a page, a stylesheet, a script and the library's file. */
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { buildPage } from '../page/build-page.mjs';

/** The page uses exactly the file that other users import. */
const separateLibrary = {
  name: 'the library is a separate file',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: './samekey.js', external: true }));
  },
};

/** Runs in the repository's root, after dist/index.js is built. Returns what esbuild says of its inputs. */
export async function buildPlayground() {
  const metafile = await buildPage('playground', 'src/playground', {
    define: { EXAMPLE_TEXTS: JSON.stringify(exampleTexts()) },
    plugins: [separateLibrary],
  });
  copyFileSync('dist/index.js', 'dist/playground/samekey.js');
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
