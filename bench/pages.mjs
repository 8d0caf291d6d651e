/**
 * Writes the tables of docs/benchmarks.md and docs/scale.md from the committed results: `node
 * bench/pages.mjs`. With `--check` it writes nothing, and exits with 1 if a page differs.
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { renderActing } from './acting-tables.mjs';
import { renderScale } from './scale-table.mjs';
import { renderFullStore, renderSoak } from './soak-table.mjs';
import { readProcessors, renderProcessors, replaceTables } from './tables.mjs';

/** @returns {{ name: string, page: string, wanted: string }[]} each page as it is, and as it must be */
export function renderPages() {
  const processors = readProcessors();
  const results = processors[0]?.results ?? {};
  const [benchmarks, scale] = [read('benchmarks.md'), read('scale.md')];
  return [
    {
      name: 'benchmarks.md',
      page: benchmarks,
      wanted: replaceTables(
        replaceTables(benchmarks, renderProcessors(processors)),
        renderActing(results),
        'acting',
      ),
    },
    {
      name: 'scale.md',
      page: scale,
      wanted: [
        { name: 'bench', tables: renderScale(results) },
        ...(results.soak ? [{ name: 'soak', tables: renderSoak(results.soak) }] : []),
        ...(results['full-store']
          ? [{ name: 'full-store', tables: renderFullStore(results['full-store']) }]
          : []),
      ].reduce((page, { tables, name }) => replaceTables(page, tables, name), scale),
    },
  ];
}

export function writePages() {
  for (const { name, wanted } of renderPages()) writeFileSync(urlOf(name), wanted);
}

const urlOf = (/** @type {string} */ name) => new URL(`../docs/${name}`, import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(urlOf(name), 'utf8');

/** Node resolves links in `import.meta.url`, not in `argv`. */
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  if (!values.check) writePages();
  for (const { name, page, wanted } of renderPages()) {
    if (page === wanted) continue;
    console.error(`docs/${name} differs from bench/results: run "node bench/pages.mjs"`);
    process.exitCode = 1;
  }
}
