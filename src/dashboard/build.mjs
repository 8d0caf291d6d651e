/** Builds the page of the dashboard: a page, a stylesheet and a script. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { build } from 'esbuild';
import { chartNumbers } from '../page/chart-numbers.mjs';

const FOLDER = 'dist/dashboard';

/** Runs in the repository's root. Returns what esbuild says of its inputs. */
export async function buildDashboard() {
  mkdirSync(FOLDER, { recursive: true });
  const { metafile } = await build({
    entryPoints: ['src/dashboard/page/dashboard.ts', 'src/dashboard/page/dashboard.css'],
    outdir: FOLDER,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    metafile: true,
    plugins: [chartNumbers],
  });
  copyFileSync('src/dashboard/page/index.html', `${FOLDER}/index.html`);
  return metafile;
}
