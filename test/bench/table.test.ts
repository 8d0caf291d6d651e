import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface ScaleTable {
  renderScale(results: Record<string, unknown>): string;
}

interface ReadmeTable {
  readResults(): Record<string, unknown>;
  renderTables(results: Record<string, unknown>): string;
  replaceTables(readme: string, tables: string): string;
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);

it('the README shows the numbers of bench/results, and no others', async () => {
  const { readResults, renderTables, replaceTables }: ReadmeTable = await load('readme-table');
  const readme = read('README.md');
  // A README without the markers is an error of `replaceTables`.
  expect(readme).toBe(replaceTables(readme, renderTables(readResults())));
});

it('docs/scale.md reckons with the numbers of bench/results', async () => {
  const { readResults, replaceTables }: ReadmeTable = await load('readme-table');
  const { renderScale }: ScaleTable = await load('scale-table');
  const page = read('docs/scale.md');
  expect(page).toBe(replaceTables(page, renderScale(readResults())));
});
