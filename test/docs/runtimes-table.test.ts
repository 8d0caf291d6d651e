import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly version: string;
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
const { CHECKS }: { readonly CHECKS: Readonly<Record<string, object>> } = await import(
  new URL('../runtimes/program/vectors.mjs', import.meta.url).href
);

it('docs/runtimes.md shows exactly the runtimes of test/runtimes/results.json', () => {
  const page = readFileSync(new URL('../../docs/runtimes.md', import.meta.url), 'utf8');
  // `replaceTable` throws if the page has no markers.
  expect(page).toBe(replaceTable(page, renderTable(readResults())));
});

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

/** How many vectors there are now, in all lists that the program checks. */
const vectorCount = Object.entries(CHECKS).reduce((sum, [file, lists]) => {
  const vectors = read(`../vectors/${file}`);
  return sum + Object.keys(lists).reduce((count, list) => count + vectors[list].length, 0);
}, 0);

/** The packages of test/runtimes that runtimes are, by the beginning of their name. */
const PACKAGES: Readonly<Record<string, string>> = {
  'Node 22': 'node-22',
  'Node 24': 'node-24',
  'Node 26': 'node-26',
  Bun: '@oven/bun-linux-x64',
  Deno: '@deno/linux-x64-glibc',
  workerd: 'workerd',
  'Edge Runtime': '@edge-runtime/vm',
};
/** Those of the system. */
const INSTALLED = ['Node 20', 'Chromium', 'Firefox', 'WebKitGTK'];

it('each result is of the version that is pinned', () => {
  const { packages } = read('../runtimes/package-lock.json');
  for (const { name, version } of readResults().rows) {
    const [runtime = ''] = name.split(',');
    if (INSTALLED.includes(runtime)) continue;
    const { version: pinned } = packages[`node_modules/${PACKAGES[runtime]}`];
    expect([name, version]).toEqual([name, pinned]);
  }
});

it.each(readResults().rows)(
  '$name: every vector passed, on the engine that must be there',
  (row) => {
    expect(row.engine).toBe(row.expectedEngine);
    expect(row.passed).toBe(row.total);
    // Every runtime has the engine in TypeScript.
    const engines = ['js', 'wasm', 'native'].filter(
      (name) => name === 'js' || row.engine.includes(name),
    );
    expect(row.total).toBe(vectorCount * engines.length);
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
