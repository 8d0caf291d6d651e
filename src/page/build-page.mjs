/** Builds a web page: its HTML as it is, one stylesheet and one script. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { build } from 'esbuild';
import { englishUplot } from './english-uplot.mjs';

/**
 * Builds `NAME.ts`, `NAME.css` and `index.html` of `source` into `dist/NAME`. Runs in the repository's root.
 * Returns what esbuild says of its inputs.
 */
export async function buildPage(name, source, { define = {}, plugins = [] } = {}) {
  const folder = `dist/${name}`;
  mkdirSync(folder, { recursive: true });
  const { metafile } = await build({
    entryPoints: [`${source}/${name}.ts`, `${source}/${name}.css`],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    metafile: true,
    define,
    plugins: [englishUplot, ...plugins],
  });
  copyFileSync(`${source}/index.html`, `${folder}/index.html`);
  return metafile;
}
