/**
 * Which files are pages of the site, under which address, and where the sidebar has them. The test in
 * test/site uses this without the packages of the site.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The address of the repository on its host. */
export const REPOSITORY = 'https://github.com/samekey/samekey';

/** Where TypeDoc writes its pages; not in git. */
export const REFERENCE_FOLDER = 'build/site/reference';

/** Pages from other folders than docs/: the file, and the page's name. */
const OTHERS = {
  'site/index.md': 'index.md',
  'README.md': 'overview.md',
  'CHANGELOG.md': 'changelog.md',
  'SECURITY.md': 'security-policy.md',
  'CONTRIBUTING.md': 'contributing.md',
};

/** Returns the page of a file of the repository, such as `once.md` for `docs/once.md`. */
export function pageOf(file) {
  if (Object.hasOwn(OTHERS, file)) return OTHERS[file];
  if (/^docs\/.*\.md$/.test(file)) return file.slice('docs/'.length);
  if (file.startsWith(`${REFERENCE_FOLDER}/`) && file.endsWith('.md')) {
    return posix.join('reference', file.slice(REFERENCE_FOLDER.length + 1));
  }
}

const markdownIn = (folder) =>
  existsSync(join(ROOT, folder))
    ? readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.md'))
        .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
        .sort()
    : [];

/** Returns the files of all pages, those of the reference last. */
export const pageFiles = () => [
  ...Object.keys(OTHERS),
  ...markdownIn('docs'),
  ...markdownIn(REFERENCE_FOLDER),
];

/** Patterns of the Markdown files that are no pages, relative to the repository. */
export function excludedPatterns() {
  const folders = readdirSync(ROOT, { withFileTypes: true });
  return folders
    .flatMap((entry) => {
      const { name } = entry;
      if (entry.isDirectory())
        return ['docs', 'build', 'site'].includes(name) ? [] : [`${name}/**`];
      return name.endsWith('.md') && pageOf(name) === undefined ? [name] : [];
    })
    .concat(`build/!(${REFERENCE_FOLDER.split('/')[1]})/**`, 'site/!(index.md)', 'site/*/**');
}

/** Returns the first heading of a page as text. */
export function titleOf(file) {
  const heading = /^# (.*)$/m.exec(readFileSync(join(ROOT, file), 'utf8'))?.[1];
  if (heading === undefined) throw new Error(`${file} has no heading of the first level`);
  return heading.replaceAll('`', '').replaceAll('\\', '').trim();
}

/** The headings of GitHub, so that a link to one is the same on both. */
export const slugOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

/**
 * The sidebar: sections, their groups, and the pages of a group. A page is its name, and a
 * short title if its heading is long; a name with `*` stands for every page that no other entry names.
 */
const SECTIONS = {
  Guides: {
    'By task': [
      ['overview', 'Which part do I need?'],
      ['guides/stop-an-sdk-from-billing-twice'],
      ['guides/give-my-api-idempotency-keys'],
      ['guides/run-a-nightly-batch-once'],
      ['guides/use-it-from-python-or-go'],
      ['guides/on-workers'],
      ['guides/in-an-agent'],
      'guides/*',
      ['recipes', 'Recipes'],
    ],
    Clients: [
      ['fetch', 'Clients: fetch'],
      ['retry', 'Retries'],
      ['ai-sdk', 'AI SDK'],
      ['sdks', 'SDKs of providers'],
    ],
    Servers: [
      ['server', 'Servers'],
      ['frameworks', 'Web frameworks'],
    ],
    'Functions and agents': [
      ['once', 'Functions'],
      ['agents', 'Tools of agents, MCP'],
      ['batch', 'Batches'],
    ],
    'Any language': [
      ['proxy', 'The proxy'],
      ['cli', 'The command line'],
    ],
    'Coming from': [
      ['powertools', 'Powertools for AWS Lambda'],
      ['migrate-node-idempotency', 'node-idempotency'],
      ['migrate-hono-idempotency', 'hono-idempotency'],
      ['migrate-stripe-semantics', "Stripe's semantics"],
      'migrate-*',
    ],
  },
  Reference: {
    Keys: [
      ['identity', 'Identities and presets'],
      ['headers', 'Headers'],
      ['raw-json', 'Raw JSON'],
      ['many-keys', 'Many keys'],
      ['key-format', 'The key format'],
    ],
    'Stores, answers and errors': [
      ['stores', 'Stores'],
      ['verdicts', 'Verdicts of responses'],
      ['error-codes', 'Error codes'],
    ],
    'Providers and runtimes': [
      ['providers', 'Providers'],
      ['runtimes', 'Runtimes'],
      ['engines', 'Engines'],
    ],
    Others: ['*'],
    'Types and functions': [['reference/index', 'All entry points'], 'reference/*'],
  },
  Operations: {
    'In production': [
      ['dashboard', 'The dashboard'],
      ['guarantees', 'Guarantees'],
      ['security', 'Security'],
      ['scale', 'Scale'],
      ['cost', 'Cost and savings'],
    ],
  },
  Background: {
    'How it is made': [
      ['benchmarks', 'Benchmarks'],
      ['invariants', 'Invariants'],
      ['simulation', 'The simulator'],
      ['changelog', 'Changelog'],
      ['contributing', 'Contributing'],
      ['security-policy', 'Security policy'],
    ],
  },
};

/**
 * Returns the sections with the groups and pages that exist: each page of `files`, except the first
 * one of the site, exactly once.
 */
export function sidebarOf(files) {
  const left = new Map(files.map((file) => [pageOf(file).replace(/\.md$/, ''), file]));
  left.delete('index');
  const take = (name, title) => {
    const file = left.get(name);
    left.delete(name);
    return file === undefined ? [] : [{ name, file, title: title ?? titleOf(file) }];
  };
  const isPattern = (entry) => typeof entry === 'string' && entry.endsWith('*');
  const entries = Object.values(SECTIONS).flatMap(Object.values).flat();
  const named = new Map(
    entries.filter((entry) => !isPattern(entry)).map(([name, title]) => [name, take(name, title)]),
  );
  // The longest pattern first: `*` stands for what the others leave.
  const patterns = entries.filter(isPattern).sort((a, b) => b.length - a.length);
  for (const pattern of patterns) {
    const names = [...left.keys()].filter((name) => name.startsWith(pattern.slice(0, -1)));
    named.set(
      pattern,
      names.flatMap((name) => take(name)),
    );
  }
  return Object.entries(SECTIONS).map(([text, groups]) => ({
    text,
    groups: Object.entries(groups)
      .map(([text, list]) => ({
        text,
        pages: list.flatMap((entry) => named.get(isPattern(entry) ? entry : entry[0])),
      }))
      .filter(({ pages }) => pages.length > 0),
  }));
}
