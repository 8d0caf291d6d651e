import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly engine: string;
  readonly expectedEngine: string;
  readonly passed: number;
  readonly total: number;
}
interface ReadmeTable {
  readResults(): { readonly rows: readonly Row[] };
  renderTable(results: { readonly rows: readonly Row[] }): string;
  replaceTable(readme: string, table: string): string;
}

const script = new URL('runtimes/readme-table.mjs', import.meta.url);
const { readResults, renderTable, replaceTable }: ReadmeTable = await import(script.href);

it('the README shows the runtimes of test/runtimes/results.json, and no others', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  // A README without the markers is an error of `replaceTable`.
  expect(readme).toBe(replaceTable(readme, renderTable(readResults())));
});

it.each(readResults().rows)(
  '$name: every vector passed, on the engine that must be there',
  (row) => {
    expect(row.engine).toBe(row.expectedEngine);
    expect(row.passed).toBe(row.total);
    // No file of vectors is smaller than this.
    expect(row.total).toBeGreaterThan(100);
  },
);
