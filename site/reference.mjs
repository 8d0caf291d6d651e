/** Writes the reference of every public entry point, from types and docstrings, as Markdown. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, Comment } from 'typedoc';
import { REFERENCE_FOLDER, REPOSITORY, ROOT, slugOf } from './pages.mjs';

/** The sources of the entry points, by the name that a program imports. */
export function entryPoints() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const sources = {};
  for (const [path, { types }] of Object.entries(exports)) {
    // Two entries of one type, such as `samekey/pure`, have one page.
    if (types === undefined || Object.values(sources).includes(types)) continue;
    sources[path.replace('.', 'samekey')] = types;
  }
  for (const [name, types] of Object.entries(sources)) {
    sources[name] = types.replace('./dist/', 'src/').replace('.d.ts', '.ts');
  }
  return sources;
}

export async function writeReference() {
  const sources = entryPoints();
  const app = await Application.bootstrapWithPlugins({
    entryPoints: Object.values(sources).map((file) => join(ROOT, file)),
    tsconfig: fileURLToPath(new URL('tsconfig.json', import.meta.url)),
    plugin: ['typedoc-plugin-markdown'],
    readme: 'none',
    basePath: ROOT,
    displayBasePath: ROOT,
    disableGit: true,
    sourceLinkTemplate: `${REPOSITORY}/blob/main/{path}#L{line}`,
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    outputs: [{ name: 'markdown', path: join(ROOT, REFERENCE_FOLDER) }],
    router: 'module',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    indexFormat: 'table',
    expandObjects: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    enumMembersFormat: 'table',
    groupOrder: ['Functions', 'Variables', 'Classes', 'Interfaces', 'Type Aliases', '*'],
    sort: ['kind', 'alphabetical'],
    sortEntryPoints: false,
    excludeExternals: true,
    tableColumnSettings: { hideSources: true, hideInherited: true, hideModifiers: true },
    entryFileName: 'index',
    pageTitleTemplates: { module: ({ name }) => name, index: 'Reference' },
    logLevel: 'Warn',
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc cannot read the entry points');
  const names = new Map(Object.entries(sources).map(([name, file]) => [join(ROOT, file), name]));
  for (const module of project.children) {
    const file = module.sources?.[0]?.fullFileName;
    const name = names.get(file);
    if (name === undefined) throw new Error(`${file} is no entry point`);
    module.name = name;
    const sentence = firstComment(readFileSync(file, 'utf8'));
    module.comment ??= sentence && new Comment([{ kind: 'text', text: sentence }]);
  }
  rmSync(join(ROOT, REFERENCE_FOLDER), { recursive: true, force: true });
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('TypeDoc reports errors');
  mendAnchors();
}

/** The comment of a whole file: the first one, if a blank line follows. */
const firstComment = (source) =>
  /^\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n\n/
    .exec(source)?.[1]
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join(' ')
    .trim();

/**
 * The plugin numbers anchors by full names: it takes `OnceStats` for the second one after the method
 * `Once.stats`. Its headings have the last names, so that the number leads nowhere.
 */
function mendAnchors() {
  const folder = join(ROOT, REFERENCE_FOLDER);
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path));
  const texts = new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]));
  const anchorsOf = (text) => {
    const anchors = new Set();
    for (const [, heading] of text.matchAll(/^#+ (.*)$/gm)) {
      const slug = slugOf(heading);
      let name = slug;
      for (let count = 1; anchors.has(name); count++) name = `${slug}-${count}`;
      anchors.add(name);
    }
    return anchors;
  };
  const anchors = new Map([...texts].map(([path, text]) => [path, anchorsOf(text)]));
  for (const [path, text] of texts) {
    const mended = text.replaceAll(/\]\(([^()#\s]*)#([^()\s]+)-\d+\)/g, (link, file, anchor) => {
      const there = anchors.get(file === '' ? path : join(dirname(path), file));
      const whole = link.slice(link.indexOf('#') + 1, -1);
      return there === undefined || there.has(whole) || !there.has(anchor)
        ? link
        : `](${file}#${anchor})`;
    });
    if (mended !== text) writeFileSync(path, mended);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeReference();
