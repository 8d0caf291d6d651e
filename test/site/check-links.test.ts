import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const { checkLinks }: { checkLinks(folder: string, base: string): string[] } = await import(
  new URL('../../site/check-links.mjs', import.meta.url).href
);

/** A site of two pages: `body` is in the first one. */
function siteWith(body: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-site-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'guides'));
  writeFileSync(join(folder, 'index.html'), `<h1 id="top">A</h1>${body}`);
  writeFileSync(join(folder, 'guides/one.html'), '<h2 id="steps">B</h2>');
  writeFileSync(join(folder, 'one.md'), '[b](index.md)');
  writeFileSync(join(folder, 'index.md'), '[b](one.md)');
  return folder;
}

it.each([
  '<a href="/samekey/guides/one.html#steps">b</a>',
  '<a class="b" href="./guides/one.html">b</a><a href="#top">c</a>',
  '<a href="https://example.com/">b</a><a href="mailto:a@example.com">c</a>',
  '<a href="https://github.com/samekey/samekey/blob/main/README.md#samekey">b</a>',
  '<img src="data:image/svg+xml,x">',
])('the link of %s is right', (body) => {
  expect(checkLinks(siteWith(body), '/samekey/')).toEqual([]);
});

it.each([
  ['<a href="/samekey/guides/two.html">b</a>', '/samekey/guides/two.html: no such file'],
  ['<a href="/samekey/guides">b</a>', '/samekey/guides: no such file'],
  [
    '<a href="guides/one.html#stops">b</a>',
    'guides/one.html#stops: guides/one.html has no such heading',
  ],
  ['<a href="#bottom">b</a>', '#bottom: index.html has no such heading'],
  ['<a href="/guides/one.html">b</a>', '/guides/one.html: is outside of /samekey/'],
  ['<img alt="" src="missing.svg">', 'missing.svg: no such file'],
  [
    '<script src="https://example.com/a.js"></script>',
    'https://example.com/a.js: <script src> asks another server',
  ],
  [
    '<link rel="stylesheet" href="//example.com/a.css">',
    '//example.com/a.css: <link href> asks another server',
  ],
  [
    '<a href="https://github.com/samekey/samekey/blob/main/src/missing.ts">b</a>',
    'https://github.com/samekey/samekey/blob/main/src/missing.ts: no such file in the repository',
  ],
])('the link of %s is dead', (body, line) => {
  expect(checkLinks(siteWith(body), '/samekey/')).toEqual([`index.html: ${line}`]);
});

it('a link of the plain Markdown is dead', () => {
  const folder = siteWith('');
  writeFileSync(join(folder, 'guides/one.md'), '[b](two.md)\n\n```md\n[c](three.md)\n```\n');
  expect(checkLinks(folder, '/samekey/')).toEqual(['guides/one.md: two.md: no such file']);
});
