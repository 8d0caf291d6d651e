import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../.github/workflows', import.meta.url));
const files = readdirSync(FOLDER);
const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
/** The commands of a workflow, in order. */
const commandsOf = (file: string) =>
  [...read(file).matchAll(/run: \|\n((?: {10}.*\n)+)|run: (.*)/g)]
    .map(([, block, line]) => block ?? line ?? '')
    .join('\n');

it.each(files)('%s uses actions by their commit, without the token of the checkout', (file) => {
  const uses = [...read(file).matchAll(/uses: (.*)/g)].map(([, action]) => action);
  expect(uses.length).toBeGreaterThan(0);
  expect(uses.filter((action) => !/^[\w/-]+@[0-9a-f]{40} # v[\d.]+$/.test(String(action)))).toEqual(
    [],
  );
  const checkouts = uses.filter((action) => action?.startsWith('actions/checkout@'));
  expect(read(file).match(/persist-credentials: false/g)).toHaveLength(checkouts.length);
});

describe('a release', () => {
  it('is published with provenance, after all checks, from the tarball of the bill', () => {
    const commands = commandsOf('release.yml');
    const order = ['.ci/run', '.ci/advisories', 'npm pack', 'assembly/sbom.mjs', '--provenance'];
    const places = order.map((part) => commands.indexOf(part));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(commands).toMatch(/npm publish "\.\/samekey-\S*\.tgz" --provenance/);
    expect(commands).toMatch(/gh release create .* samekey-\*\.tgz samekey-\*\.cdx\.json/);
  });

  it('needs no secret but the identity of the workflow', () => {
    expect(read('release.yml')).toContain('id-token: write');
    expect(files.map(read).join('')).not.toContain('secrets.');
  });
});

it('the weekly workflow looks for advisories', () => {
  expect(read('weekly.yml')).toMatch(/schedule:\n +- cron: /);
  expect(commandsOf('weekly.yml')).toContain('.ci/advisories');
});
