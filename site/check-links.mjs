/** Every link and every file of the built site leads somewhere, and no page asks another server. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { REPOSITORY, ROOT } from './pages.mjs';

const ATTRIBUTE = /<([a-z]+)\b[^>]*?\s(href|src|srcset)="([^"]*)"[^>]*>/g;

const decode = (text) =>
  text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");

/** Returns a line for each link of the folder's pages that leads nowhere. */
export function checkLinks(folder, base) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const pages = new Map(
    files
      .filter((file) => file.endsWith('.html'))
      .map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  );
  const ids = new Map(
    [...pages].map(([file, html]) => [
      file,
      new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => decode(id))),
    ]),
  );
  const dead = [];
  for (const [file, html] of pages) {
    const here = new URL(`http://site${base}${file}`);
    for (const [, tag, attribute, text] of html.matchAll(ATTRIBUTE)) {
      const fault = faultOf({ folder, base, ids, here, tag, attribute, link: decode(text) });
      if (fault !== undefined) dead.push(`${file}: ${decode(text)}: ${fault}`);
    }
  }
  for (const file of files.filter((path) => path.endsWith('.md'))) {
    const text = readFileSync(join(folder, file), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const { pathname, hostname } = new URL(link, `http://site/${file}`);
      if (
        hostname === 'site' &&
        /\.(?:md|svg)$/.test(pathname) &&
        !existsSync(join(folder, pathname))
      ) {
        dead.push(`${file}: ${link}: no such file`);
      }
    }
  }
  return [...new Set(dead)];
}

function faultOf({ folder, base, ids, here, tag, attribute, link }) {
  const url = new URL(link, here);
  if (url.protocol === 'data:' || url.protocol === 'mailto:') return;
  if (url.hostname !== 'site') {
    if (tag !== 'a') return `<${tag} ${attribute}> asks another server`;
    return faultInRepository(link);
  }
  if (!url.pathname.startsWith(base)) return `is outside of ${base}`;
  let path = decodeURIComponent(url.pathname.slice(base.length));
  if (path === '' || path.endsWith('/')) path += 'index.html';
  if (!existsSync(join(folder, path)) || statSync(join(folder, path)).isDirectory()) {
    return 'no such file';
  }
  const anchor = decodeURIComponent(url.hash.slice(1));
  if (anchor !== '' && !ids.get(path)?.has(anchor))
    return `${relative('', path)} has no such heading`;
}

/** Files of the repository that pages link to exist in this clone. */
function faultInRepository(link) {
  const path = new RegExp(`^${REPOSITORY}/(?:blob|tree|edit)/main/([^#?]*)`).exec(link)?.[1];
  if (path !== undefined && !existsSync(join(ROOT, decodeURIComponent(path)))) {
    return 'no such file in the repository';
  }
}
