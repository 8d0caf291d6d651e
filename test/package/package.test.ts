import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OURS = 'https://github.com/samekey/samekey';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** The files that `npm publish` would send. */
const shipped: string[] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
)[0].files.map(({ path }: { path: string }) => path);

/** Returns the targets of the links and pictures in a Markdown file. */
const linksIn = (path: string) =>
  [
    ...read(path).matchAll(
      /\]\(([^)\s]+)\)|<(?:img|source|a)\b[^>]*?\b(?:src|srcset|href)="([^"]+)"/g,
    ),
  ].map(([, link, attribute]) => (link ?? attribute) as string);

/** Returns the anchors of the headings in a Markdown file, as GitHub and npm make them. */
const anchorsIn = (path: string) =>
  [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe('the package', () => {
  it('has every file that package.json names', () => {
    const named = JSON.stringify([manifest.exports, manifest.main, manifest.types, manifest.bin]);
    const paths = [...named.matchAll(/"(?:\.\/)?(dist\/[^"]+)"/g)].map(([, path]) => path);
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !shipped.includes(path as string))).toEqual([]);
  });

  it('has no sources, tests or temporary files', () => {
    const allowed =
      /^(?:dist\/.*\.(?:js|d\.ts|wasm|LICENSE)|dist\/(?:dashboard|playground)\/.*\.(?:html|css)|docs\/.*\.(?:md|svg)|docs\/pictures\/[\w-]+\.webp|(?:README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json)$/;
    expect(shipped.filter((path) => !allowed.test(path))).toEqual([]);
    expect(shipped).toContain('LICENSE');
    expect(shipped).toContain('SECURITY.md');
  });

  it('has no install script, which npm would warn about', () => {
    // A clone is built by `dependencies`, which npm runs for the top-level project alone.
    const scripts = Object.keys(manifest.scripts);
    expect(scripts.filter((name) => /install$|^(pre|post)?prepare$/.test(name))).toEqual([]);
    expect(manifest.scripts).toMatchObject({
      dependencies: 'npm run build',
      prepack: 'npm run build',
    });
  });

  it('names its repository in the form that npm compares with the build', () => {
    expect(manifest).toMatchObject({
      repository: { type: 'git', url: `git+${OURS}.git` },
      homepage: `${OURS}#readme`,
      bugs: `${OURS}/issues`,
      license: 'MIT',
      publishConfig: { access: 'public', provenance: true },
      sideEffects: false,
    });
  });
});

describe.each(shipped.filter((path) => path.endsWith('.md')))('the links of %s', (path) => {
  const links = linksIn(path);

  it('lead to files of the package, if they are relative', () => {
    const dead = links
      .filter((link) => !/^(?:[a-z]+:|#)/.test(link))
      .map((link) => normalize(join(dirname(path), link.replace(/#.*/, ''))))
      .filter((target) => !shipped.includes(target));
    expect(dead).toEqual([]);
  });

  it('lead to files of the repository, if they are absolute and ours', () => {
    const dead = links
      .filter((link) => link.startsWith(`${OURS}/blob/`) || link.startsWith(`${OURS}/tree/`))
      .map((link) =>
        link
          .slice(OURS.length)
          .replace(/^\/\w+\/main\//, '')
          .replace(/#.*/, ''),
      )
      .filter((target) => !existsSync(join(ROOT, target)));
    expect(dead).toEqual([]);
  });

  it('lead to existing headings', () => {
    const dead = links
      .filter((link) => /^[^:]*#/.test(link))
      .filter((link) => {
        const [file = '', anchor = ''] = link.split('#');
        return !anchorsIn(file === '' ? path : join(dirname(path), file)).includes(anchor);
      });
    expect(dead).toEqual([]);
  });
});

describe('the README', () => {
  it('has links of each kind, so that the tests above check something', () => {
    const links = linksIn('README.md');
    expect(links.filter((link) => link.startsWith('#')).length).toBeGreaterThan(2);
    expect(links.filter((link) => link.startsWith(`${OURS}/`)).length).toBeGreaterThan(2);
    expect(links.filter((link) => link.startsWith('docs/')).length).toBeGreaterThan(2);
  });
});
