/**
 * Takes the pictures of the dashboard in docs/pictures/, from example data. With a folder as argument
 * it writes pictures of every state and width there instead, to look at.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const outfile = join(ROOT, 'build/dashboard/pictures.mjs');
await build({
  entryPoints: [join(ROOT, 'test/dashboard/take-pictures.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
});
const { takePictures } = await import(pathToFileURL(outfile).href);
const [folder] = process.argv.slice(2);
const target = folder ?? join(ROOT, 'docs/pictures');
mkdirSync(target, { recursive: true });
for await (const { name, bytes } of takePictures(ROOT, folder !== undefined)) {
  writeFileSync(join(target, name), bytes);
  console.log(`${name}: ${bytes.length} bytes`);
}
