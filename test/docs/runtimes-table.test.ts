import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly engine: string;
  readonly expectedEngine: string;
  readonly passed: number;
  readonly total: number;
  readonly fetch?: Count;
  readonly server?: Count;
  readonly once?: Count;
  readonly sqlite?: Count;
}
interface Count {
  readonly passed: number;
  readonly total: number;
}
interface RuntimesTable {
  readResults(): { readonly rows: readonly Row[] };
  renderTable(results: { readonly rows: readonly Row[] }): string;
  replaceTable(page: string, table: string): string;
}

const script = new URL('../runtimes/table.mjs', import.meta.url);
const { readResults, renderTable, replaceTable }: RuntimesTable = await import(script.href);

it('docs/runtimes.md shows exactly the runtimes of test/runtimes/results.json', () => {
  const page = readFileSync(new URL('../../docs/runtimes.md', import.meta.url), 'utf8');
  // `replaceTable` throws if the page has no markers.
  expect(page).toBe(replaceTable(page, renderTable(readResults())));
});

it.each(readResults().rows)(
  '$name: every vector passed, on the engine that must be there',
  (row) => {
    expect(row.engine).toBe(row.expectedEngine);
    expect(row.passed).toBe(row.total);
    // Every file of vectors has more.
    expect(row.total).toBeGreaterThan(100);
    for (const count of [row.fetch, row.server, row.once, row.sqlite])
      expect(count?.passed).toBe(count?.total);
  },
);

it('requests are sent on every runtime, and served on every runtime with a Web-standard server', () => {
  const { rows } = readResults();
  const having = (part: 'fetch' | 'server' | 'once' | 'sqlite') =>
    rows.filter((row) => (row[part]?.total ?? 0) > 5).map(({ name }) => name.split(',')[0]);
  expect(having('fetch')).toEqual([
    ...['Node 20', 'Node 22', 'Node 24', 'Node 26', 'Bun', 'Deno', 'workerd', 'Edge Runtime'],
    ...['Chromium', 'Firefox', 'WebKitGTK'],
  ]);
  expect(having('server')).toEqual(['Bun', 'Deno', 'workerd']);
  // On these platforms the work of a request ends with it.
  expect(having('once')).toEqual(['workerd']);
  expect(having('sqlite')).toEqual(['Node 22', 'Node 24', 'Node 26', 'Bun', 'Deno', 'workerd']);
});
