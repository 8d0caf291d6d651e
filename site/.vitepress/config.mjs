import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { linkRule } from '../markdown.mjs';
import {
  excludedPatterns,
  pageFiles,
  pageOf,
  REPOSITORY,
  ROOT,
  sidebarOf,
  slugOf,
} from '../pages.mjs';
import { firstSentence } from '../plain-pages.mjs';
import { themeChanges } from '../theme-changes.mjs';

const files = pageFiles();
const sections = sidebarOf(files);
const base = process.env.SITE_BASE ?? '/';
const { description } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Pages lie outside this folder, and the packages that they need inside. */
const packagesOfTheSite = {
  name: 'samekey-packages-of-the-site',
  enforce: 'pre',
  resolveId(id, importer, { ssr }) {
    if (!/^vue(\/|$)/.test(id)) return;
    if (ssr) return { id, external: true };
    if (importer?.endsWith('.md')) {
      return this.resolve(id, join(ROOT, 'site/package.json'), { skipSelf: true });
    }
  },
};

const groups = sections.flatMap((section) => section.groups);

/** This group has a sidebar of its own; the other one has its first page. */
const TYPES = 'Types and functions';

const linkTo = ({ name, title }) => ({ text: title, link: `/${name}` });

export default defineConfig({
  title: 'samekey',
  description,
  lang: 'en',
  base,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}icon.svg` }]],
  srcDir: '..',
  srcExclude: excludedPatterns(),
  outDir: process.env.SITE_OUT ?? 'dist',
  rewrites: Object.fromEntries(files.map((file) => [file, pageOf(file)])),
  // The list of all pages is a file of its own, which a browser keeps.
  metaChunk: true,
  router: { prefetchLinks: false },
  vite: {
    plugins: [packagesOfTheSite, themeChanges],
    publicDir: join(ROOT, 'site/public'),
    build: { target: 'es2022', chunkSizeWarningLimit: 4000 },
  },
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    anchor: { slugify: slugOf },
    config: (md) => md.use(linkRule),
  },
  transformPageData({ filePath, frontmatter }) {
    const text = readFileSync(join(ROOT, filePath), 'utf8');
    const isGenerated = pageOf(filePath).startsWith('reference/');
    return {
      description: frontmatter.description ?? (firstSentence(text) || description),
      frontmatter: isGenerated ? { ...frontmatter, editLink: false } : frontmatter,
    };
  },
  transformHead: ({ pageData: { relativePath }, page }) =>
    page === '404.md'
      ? []
      : [['link', { rel: 'alternate', type: 'text/markdown', href: base + relativePath }]],
  themeConfig: {
    logo: '/icon.svg',
    search: {
      provider: 'local',
      options: {
        miniSearch: {
          searchOptions: {
            boostDocument: (id) => (/\/(?:reference|changelog|contributing)/.test(id) ? 0.4 : 1),
          },
        },
      },
    },
    nav: [
      { text: 'Guides', link: '/overview' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Playground', link: '/playground/', target: '_self' },
      { text: 'Changelog', link: '/changelog' },
    ],
    sidebar: {
      '/': sections.map(({ text, groups }) => ({
        text,
        items: groups.map(({ text, pages }) => ({
          text,
          items: (text === TYPES ? pages.slice(0, 1) : pages).map(linkTo),
        })),
      })),
      '/reference/': [
        { text: 'Reference', items: groups.find(({ text }) => text === TYPES).pages.map(linkTo) },
        { text: 'Documentation', items: [{ text: 'Which part do I need?', link: '/overview' }] },
      ],
    },
    // The first page lists them.
    tasks: groups.find(({ text }) => text === 'By task').pages.map(linkTo),
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
    editLink: { pattern: `${REPOSITORY}/edit/main/:path`, text: 'Edit this page' },
    outline: [2, 3],
  },
});
