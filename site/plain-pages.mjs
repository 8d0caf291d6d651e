/** The pages as Markdown, for tools: each beside its page, llms.txt and llms-full.txt. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { targetOf } from './links.mjs';
import { pageFiles, pageOf, ROOT, sidebarOf } from './pages.mjs';

/** What stands above a page, and is not shown. */
const FRONTMATTER = /^---\n[\s\S]*?\n---\n/;

/** The parts of a Markdown text that are no code: a function changes them. */
export function outsideCode(text, change) {
  return text
    .split(/(^ *(`{3,}|~{3,})[^\n]*\n[\s\S]*?^ *\2[^\n]*$)/m)
    .map((part, index) => (index % 3 === 0 ? change(part) : index % 3 === 1 ? part : ''))
    .join('');
}

/** Returns a page with links relative to its own place on the site, without what only a browser shows. */
export function plainPage(file, text) {
  const folder = posix.dirname(`/${pageOf(file)}`);
  const body = text.replace(FRONTMATTER, '');
  return outsideCode(body, (prose) =>
    prose
      .replaceAll(/\]\(([^)\s]+)\)/g, (_, link) => {
        const target = targetOf(file, link);
        return `](${target.startsWith('/') ? posix.relative(folder, target) : target})`;
      })
      .replaceAll(/^<\/?(?:div|main).*>$\n?/gm, '')
      .replaceAll(/^<!--.*-->\n\n?/gm, '')
      .replaceAll(/<a id="[^"]*"><\/a> ?/g, '')
      .replaceAll('<br>', ' ')
      .replaceAll(/\n{3,}/g, '\n\n')
      .replaceAll(/<a href="\.\/([^"]*)"[^>]*>([^<]*)<\/a>/g, '[$2]($1)'),
  ).trimStart();
}

/** Returns the first sentence of a page's first paragraph, as text. */
export function firstSentence(text) {
  const paragraphs = outsideCode(text.replace(FRONTMATTER, ''), (prose) => prose).split(/\n{2,}/);
  const first = paragraphs.find(
    (paragraph) => /^[A-Z`[*]/.test(paragraph) && !/^`{3}/.test(paragraph),
  );
  if (first === undefined) return '';
  const plain = first
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[*`]/g, '');
  return /^.*?[.:](?= |$)/.exec(plain)?.[0].replace(/:$/, '.') ?? plain;
}

/** Writes the Markdown of each page beside it, and the two files that name or contain them all. */
export function writePlainPages(folder, base) {
  const files = pageFiles();
  const sections = sidebarOf(files);
  const list = (pages, name) =>
    pages.map(({ title, file }) => `- [${title}](${name(file)})`).join('\n');
  const guides = sections
    .flatMap(({ groups }) => groups)
    .find(({ text }) => text === 'By task').pages;
  const plain = new Map();
  for (const file of files) {
    const text = plainPage(file, readFileSync(join(ROOT, file), 'utf8'))
      .replace(/^<DoubleCharge \/>$/m, doubleCharge())
      .replace(/^<TaskList \/>$/m, list(guides, pageOf));
    plain.set(file, text);
    const target = join(folder, pageOf(file));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }

  const index = ['# samekey', '', `> ${promise()}`];
  for (const { text, groups } of sections) {
    index.push('', `## ${text}`, '');
    for (const { file, title } of groups.flatMap(({ pages }) => pages)) {
      const sentence = firstSentence(plain.get(file));
      index.push(`- [${title}](${base}${pageOf(file)})${sentence === '' ? '' : `: ${sentence}`}`);
    }
  }
  writeFileSync(join(folder, 'llms.txt'), `${index.join('\n')}\n`);

  // The generated reference repeats the types that the package contains.
  const full = files.filter((file) => file.startsWith('docs/') || file === 'README.md');
  writeFileSync(
    join(folder, 'llms-full.txt'),
    full.map((file) => `<!-- ${base}${pageOf(file)} -->\n\n${plain.get(file)}`).join('\n'),
  );
}

/** The paragraph with the promise, from the README, without its links: they lead from there. */
function promise() {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  return text
    .split('\n\n')
    .slice(1, 3)
    .map((line) => line.replaceAll('*', ''))
    .join(' ')
    .replaceAll(/\[([^[\]]+)\]\([^()]*\)/g, '$1');
}

/** The picture of the first page in words: the titles of its two halves. */
function doubleCharge() {
  const source = readFileSync(
    new URL('.vitepress/theme/DoubleCharge.vue', import.meta.url),
    'utf8',
  );
  return [...source.matchAll(/<title[^>]*>([^<]*)<\/title>/g)]
    .map(([, title]) => `- ${title.trim().replaceAll(/\s+/g, ' ')}`)
    .join('\n');
}
