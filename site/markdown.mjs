/** What the site changes when it reads a page: links, and the size of pictures. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { targetOf } from './links.mjs';
import { ROOT } from './pages.mjs';

/** A plugin of markdown-it: links of a page lead to pages of the site, and indented code looks as other code. */
export function linkRule(md) {
  md.core.ruler.push('samekey-links', ({ tokens, env }) => {
    // Titles are read a second time, without their page.
    if (env.path === undefined) return;
    const file = relative(ROOT, env.realPath ?? env.path);
    for (const block of tokens) {
      // Only fenced code has the style of code.
      if (block.type === 'code_block') Object.assign(block, { type: 'fence', info: '' });
      for (const token of block.children ?? []) {
        if (token.type === 'link_open') {
          token.attrSet('href', targetOf(file, token.attrGet('href')));
        } else if (token.type === 'image') {
          setSize(token, file);
        }
      }
    }
  });
}

/** The page must not move when a picture arrives. */
function setSize(token, file) {
  const path = join(ROOT, dirname(file), token.attrGet('src'));
  if (!path.endsWith('.svg') || !existsSync(path)) return;
  const [, width, height] =
    /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(readFileSync(path, 'utf8')) ?? [];
  if (width === undefined) throw new Error(`${path} has no width and height`);
  token.attrSet('width', width);
  token.attrSet('height', height);
}
