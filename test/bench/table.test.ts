import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface ScaleTable {
  renderScale(results: Record<string, unknown>): string;
}

interface BenchmarkTables {
  readResults(): Record<string, unknown>;
  renderTables(results: Record<string, unknown>): string;
  replaceTables(page: string, tables: string): string;
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);

it('docs/benchmarks.md shows exactly the numbers of bench/results', async () => {
  const { readResults, renderTables, replaceTables }: BenchmarkTables = await load('tables');
  const page = read('docs/benchmarks.md');
  // `replaceTables` throws if the page has no markers.
  expect(page).toBe(replaceTables(page, renderTables(readResults())));
});

it('docs/scale.md calculates with the numbers of bench/results', async () => {
  const { readResults, replaceTables }: BenchmarkTables = await load('tables');
  const { renderScale }: ScaleTable = await load('scale-table');
  const page = read('docs/scale.md');
  expect(page).toBe(replaceTables(page, renderScale(readResults())));
});
