/**
 * The table of docs/runtimes.md, made from the committed results. `node test/runtimes/table.mjs`
 * writes it between the markers.
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const START = '<!-- runtimes:start -->';
const END = '<!-- runtimes:end -->';

/** @typedef {{date: string, rows: (import('./verdict.mjs').Verdict & {name: string})[]}} Results */

/** @returns {Results} */
export function readResults() {
  return JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8'));
}

const inWords = (/** @type {import('./verdict.mjs').Count | undefined} */ count) =>
  count ? `${count.passed} of ${count.total}` : '';

/**
 * @param {Results} results
 * @returns {string} Markdown
 */
export function renderTable({ rows }) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [
    line([
      'runtime',
      'version',
      'engine',
      'vectors passed',
      'CSP reports',
      'fetch',
      'server',
      'once',
      'SQLite',
    ]),
    line(['---', '---', '---', '--:', '--:', '--:', '--:', '--:', '--:']),
    ...rows.map(({ name, version, engine, cspReports, fetch, server, once, sqlite, ...vectors }) =>
      line([
        name,
        version,
        engine,
        inWords(vectors),
        String(cspReports ?? ''),
        inWords(fetch),
        inWords(server),
        inWords(once),
        inWords(sqlite),
      ]),
    ),
  ].join('\n');
}

/**
 * @param {string} page
 * @param {string} table
 * @returns {string} the page with `table` between its markers
 */
export function replaceTable(page, table) {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start < 0 || end < start) {
    throw new Error(`Cannot place the table: the page has no ${START} … ${END}`);
  }
  return `${page.slice(0, start + START.length)}\n${table}\n${page.slice(end)}`;
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) {
  const file = new URL('../../docs/runtimes.md', import.meta.url);
  writeFileSync(file, replaceTable(readFileSync(file, 'utf8'), renderTable(readResults())));
}
