import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: { alg: string; content: string }[];
  readonly properties?: { name: string; value: string }[];
}
interface Bill {
  readonly bomFormat: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { ref: string; dependsOn: string[] }[];
}

const folder = mkdtempSync(join(tmpdir(), 'samekey-sbom-'));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (command: string, args: string[], cwd = ROOT) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const billOf = (tarball: string): Bill =>
  JSON.parse(run(process.execPath, ['assembly/sbom.mjs', tarball]));

let tarball = '';
beforeAll(() => {
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  tarball = join(folder, run('npm', args).trim());
});

/** The packages whose licence is in the tarball: one for each package in a bundle. */
const licensed = () =>
  new Set(
    [...run('tar', ['-tzf', tarball]).matchAll(/^package\/dist\/.*\/([^/]+)\.LICENSE$/gm)].map(
      ([, name]) => name,
    ),
  );

describe('the bill of materials', () => {
  it('names no package that an installation adds', () => {
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "version": "1.0.0" }');
    run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], folder);
    const bill: Bill = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx'], folder));
    // That of npm, for a project that has nothing but samekey.
    expect(bill.components.map(({ name }) => name)).toEqual(['samekey']);
    expect(bill.dependencies.at(-1)).toMatchObject({ dependsOn: [] });
    const isBundled = ({ properties }: Component) =>
      properties?.some(({ name, value }) => name === 'cdx:npm:package:bundled' && value === 'true');
    expect(billOf(tarball).components.filter((each) => !isBundled(each))).toEqual([]);
  });

  it('names each package whose code is in a bundle, in the version of the lock', () => {
    const { components } = billOf(tarball);
    expect(new Set(components.map(({ name }) => name.replace('/', '-')))).toEqual(licensed());
    expect(components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['commander', 'pino', 'structured-headers', 'uplot']),
    );
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
    const locked = Object.entries<{ version: string }>(packages).map(
      ([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`,
    );
    expect(locked).toEqual(
      expect.arrayContaining(components.map(({ name, version }) => `${name}@${version}`)),
    );
  });

  it('names the tarball by its digest', () => {
    const digest = createHash('sha512').update(readFileSync(tarball)).digest('hex');
    const { bomFormat, metadata, dependencies } = billOf(tarball);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(bomFormat).toBe('CycloneDX');
    expect(metadata.component).toMatchObject({
      purl: `pkg:npm/samekey@${version}`,
      hashes: [{ alg: 'SHA-512', content: digest }],
    });
    expect(dependencies[0]?.ref).toBe(metadata.component.purl);
  });

  it('is the same for the same tarball', () => {
    expect(billOf(tarball)).toEqual(billOf(tarball));
  });

  it('is refused for a tarball of another build', () => {
    run('tar', ['-xzf', tarball], folder);
    rmSync(join(folder, 'package/dist/cli/commander.LICENSE'));
    run('tar', ['-czf', 'other.tgz', 'package'], folder);
    expect(() => billOf(join(folder, 'other.tgz'))).toThrow('is not of this build');
  });
});
