import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface ReadmeTable {
  readResults(): Record<string, unknown>;
  renderTables(results: Record<string, unknown>): string;
  replaceTables(readme: string, tables: string): string;
}

it('the README shows the numbers of bench/results, and no others', async () => {
  const script = new URL('../bench/readme-table.mjs', import.meta.url);
  const { readResults, renderTables, replaceTables }: ReadmeTable = await import(script.href);
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  // A README without the markers is an error of `replaceTables`.
  expect(readme).toBe(replaceTables(readme, renderTables(readResults())));
});
