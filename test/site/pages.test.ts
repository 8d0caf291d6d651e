import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Page {
  readonly name: string;
  readonly file: string;
  readonly title: string;
}

interface Pages {
  pageFiles(): readonly string[];
  pageOf(file: string): string | undefined;
  sidebarOf(files: readonly string[]): readonly {
    readonly text: string;
    readonly groups: readonly { readonly text: string; readonly pages: readonly Page[] }[];
  }[];
  slugOf(heading: string): string;
}

interface PlainPages {
  firstSentence(text: string): string;
  plainPage(file: string, text: string): string;
}

interface Links {
  targetOf(file: string, link: string): string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const load = (name: string) => import(new URL(`../../site/${name}`, import.meta.url).href);
const { pageFiles, pageOf, sidebarOf, slugOf }: Pages = await load('pages.mjs');
const { firstSentence, plainPage }: PlainPages = await load('plain-pages.mjs');
const { targetOf }: Links = await load('links.mjs');

describe('the sidebar', () => {
  const sections = sidebarOf(pageFiles());
  const pages = sections.flatMap(({ groups }) => groups.flatMap(({ pages }) => pages));

  it('has each page of docs/ exactly once', () => {
    const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`);
    expect(inDocs.length).toBeGreaterThan(25);
    const files = pages.map(({ file }) => file);
    expect(inDocs.filter((file) => files.filter((each) => each === file).length !== 1)).toEqual([]);
  });

  it('has the sections in the order in which a reader needs them', () => {
    expect(sections.map(({ text }) => text)).toEqual([
      'Guides',
      'Reference',
      'Operations',
      'Background',
    ]);
  });

  it('has no page twice, and only pages of the site', () => {
    const names = pages.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(pages.filter(({ file, name }) => pageOf(file) !== `${name}.md`)).toEqual([]);
  });

  it('has a short title for each page of docs/, except those of guides and other libraries', () => {
    const long = pages.filter(({ file, title }) => /^docs\/[^/]+$/.test(file) && title.length > 32);
    expect(long.filter(({ name }) => !name.startsWith('migrate-'))).toEqual([]);
  });
});

it.each([
  ['docs/once.md', 'fetch.md#which-options-are-there', '/fetch.md#which-options-are-there'],
  ['docs/once.md', '../SECURITY.md', '/security-policy.md'],
  ['README.md', 'docs/once.md', '/once.md'],
  ['README.md', '#a-client', '#a-client'],
  ['README.md', 'docs/charts/replay.svg', '/charts/replay.svg'],
  ['docs/once.md', 'https://github.com/samekey/samekey/blob/main/docs/proxy.md', '/proxy.md'],
  [
    'docs/once.md',
    'https://github.com/samekey/samekey/tree/main/examples',
    'https://github.com/samekey/samekey/tree/main/examples',
  ],
  ['docs/once.md', '../LICENSE', 'https://github.com/samekey/samekey/blob/main/LICENSE'],
  ['docs/once.md', 'https://example.com/a.md', 'https://example.com/a.md'],
])('in %s the link %s leads to %s', (file, link, target) => {
  expect(targetOf(file, link)).toBe(target);
});

it('a link to a missing file is refused', () => {
  expect(() => targetOf('docs/once.md', 'nowhere.md')).toThrow(
    'docs/once.md has a link to nowhere.md, which is no file of the repository',
  );
});

it.each([
  ['What "at most once" means', 'what-at-most-once-means'],
  ['samekey/server', 'samekeyserver'],
  ['1. What is the content?', '1-what-is-the-content'],
])('the anchor of %s is that of the repository: %s', (heading, anchor) => {
  expect(slugOf(heading)).toBe(anchor);
});

describe('the Markdown of a page', () => {
  it('links to the Markdown of other pages, and leaves code alone', () => {
    const code = '```md\n[a](once.md)\n```';
    expect(plainPage('README.md', `[a](docs/once.md#x)\n\n${code}\n`)).toBe(
      `[a](once.md#x)\n\n${code}\n`,
    );
  });

  it.each([
    ['# A\n\nA `b` of [c](d.md). More.', 'A b of c.'],
    ['# A\n\n```js\nB.\n```\n\nC: see below', 'C.'],
    ['# A\n', ''],
  ])('of %j begins with the sentence %j', (text, sentence) => {
    expect(firstSentence(text)).toBe(sentence);
  });
});

it('no lock file names the host of a registry', () => {
  const locks = execFileSync('git', ['ls-files', '*package-lock.json'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .trim()
    .split('\n');
  expect(locks).toContain('site/package-lock.json');
  expect(
    locks.filter((path) => /"resolved": "http/.test(readFileSync(join(ROOT, path), 'utf8'))),
  ).toEqual([]);
});
