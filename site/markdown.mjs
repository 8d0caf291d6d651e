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
  if (!existsSync(path)) return;
  const [width, height] = sizeOf(path);
  token.attrSet('width', String(width));
  token.attrSet('height', String(height));
}

/** Reads the width and the height of a picture, in pixels. */
function sizeOf(path) {
  const bytes = readFileSync(path);
  const svg = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(bytes.toString('latin1'));
  if (path.endsWith('.svg') && svg !== null) return [Number(svg[1]), Number(svg[2])];
  // WebP's extended format has the size of its canvas, less one, after the flags (RFC 9649 §2.7).
  if (path.endsWith('.webp') && bytes.toString('latin1', 12, 16) === 'VP8X') {
    return [bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1];
  }
  throw new Error(`${path} has no size that is known: wanted SVG or extended WebP`);
}
