import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FORMATS } from '../../src/batch/request.js';
import { identities } from '../../src/providers/presets.js';
import { retryPolicies } from '../../src/providers/registry.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The cells of the rows of a table whose header begins with these words. */
function rowsOf(page: string, header: string): string[][] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${header} |`));
  expect(start, header).toBeGreaterThan(0);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end).map((line) => line.split('|').map((cell) => cell.trim()));
}

const rows = rowsOf(read('docs/providers.md'), 'API');
const namesIn = (column: number) =>
  rows.flatMap((cells) => /^`(\w+)`$/.exec(cells[column] ?? '')?.[1] ?? []);

it('names every preset of an API', () => {
  // `volatile` belongs to no API.
  const presets = Object.keys(identities).filter((name) => name !== 'volatile');
  expect(namesIn(4).sort()).toEqual(presets.sort());
});

it('names every retry policy', () => {
  expect(namesIn(5).sort()).toEqual(Object.keys(retryPolicies).sort());
});

it('names every API with batches', () => {
  const apis = rows.filter((cells) => cells[6] === 'yes').map((cells) => cells[1]?.toLowerCase());
  expect(apis.sort()).toEqual(Object.keys(FORMATS).sort());
});

it('says of each SDK what docs/sdks.md measured', () => {
  const measured = new Map(
    rowsOf(read('docs/sdks.md'), 'SDK | retries').map(([, sdk = '', retries = '']) => [
      sdk.replace(', chat', ''),
      retries,
    ]),
  );
  const said = rows.map((cells) => (cells[3] ?? '').replaceAll('`', '').split(': '));
  expect(said.length).toBeGreaterThan(8);
  expect(said).toEqual(said.map(([sdk = '']) => [sdk, measured.get(sdk)]));
});
