import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    site: { readonly folder: string; readonly base: string };
  }
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Builds the site, which fails if a link leads nowhere. Its path is not that of the host. */
export default async function setup({ provide }: TestProject): Promise<void> {
  if (!existsSync(here('../../site/node_modules'))) {
    console.log('not run: the site: run `npm ci --prefix site --ignore-scripts`');
    process.exit(process.env.CI === 'true' ? 1 : 0);
  }
  const site = { folder: here('../../build/site/dist'), base: '/any/path/' };
  const { buildSite } = await import(new URL('../../site/build.mjs', import.meta.url).href);
  await buildSite(site);
  provide('site', site);
}
