/** Where a link in a page of the repository leads on the site. */
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { pageOf, REPOSITORY, ROOT } from './pages.mjs';

const isElsewhere = (link) => /^[a-z][a-z+.-]*:/i.test(link);

/**
 * Returns the address of a link in `file`: `/once.md#options` for a page, `/charts/a.svg` for a picture,
 * an address of the repository for another file, and every other link unchanged.
 */
export function targetOf(file, link) {
  const ours = new RegExp(`^${REPOSITORY}/(?:blob|tree)/main/(.*)$`).exec(link)?.[1];
  if (ours === undefined && (isElsewhere(link) || /^[#/]/.test(link))) return link;
  const [path, ...anchor] = (ours ?? link).split('#');
  const hash = anchor.length > 0 ? `#${anchor.join('#')}` : '';
  const target = ours === undefined ? posix.join(posix.dirname(file), path) : posix.normalize(path);
  const page = pageOf(target);
  if (page !== undefined && existsSync(join(ROOT, target))) return `/${page}${hash}`;
  if (ours !== undefined) return link;
  if (/^docs\/.*\.svg$/.test(target) && existsSync(join(ROOT, target))) {
    return `/${target.slice('docs/'.length)}`;
  }
  if (existsSync(join(ROOT, target))) return `${REPOSITORY}/blob/main/${target}${hash}`;
  throw new Error(`${file} has a link to ${link}, which is no file of the repository`);
}
