/** Builds the site: the reference, the pages, their plain Markdown, and the playground. */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { checkLinks } from './check-links.mjs';
import { ROOT } from './pages.mjs';
import { writePlainPages } from './plain-pages.mjs';
import { writeReference } from './reference.mjs';

/**
 * Builds the site into `folder`, for a server that has it under the path `base`, such as `/samekey/`.
 * Throws if a link leads nowhere.
 */
export async function buildSite({ folder, base }) {
  if (!/^\/(?:.*\/)?$/.test(base)) {
    throw new Error(`SITE_BASE is "${base}"; it must begin and end with a slash, as "/samekey/"`);
  }
  const playground = join(ROOT, 'dist/playground');
  if (!existsSync(playground)) throw new Error(`${playground} is missing; run \`npm run build\``);
  rmSync(folder, { recursive: true, force: true });
  await writeReference();
  // The configuration reads them.
  Object.assign(process.env, { SITE_BASE: base, SITE_OUT: folder });
  await build(fileURLToPath(new URL('.', import.meta.url)));
  cpSync(playground, join(folder, 'playground'), { recursive: true });
  // The pages have pictures of their own; these are for their Markdown.
  cpSync(join(ROOT, 'docs/charts'), join(folder, 'charts'), { recursive: true });
  writePlainPages(folder, base);
  const dead = checkLinks(folder, base);
  if (dead.length > 0) throw new Error(`Links that lead nowhere:\n${dead.join('\n')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL('dist', import.meta.url));
  await buildSite({ folder, base: process.env.SITE_BASE ?? '/' });
  console.log(`The site is in ${folder}`);
}
