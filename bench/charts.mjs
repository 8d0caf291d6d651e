/**
 * Draws the charts of README.md and docs/benchmarks.md from the committed results. `node bench/charts.mjs
 * [--results DIR] [--out DIR]` writes one SVG file for each chart to docs/charts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chartData, sealed } from './chart-data.mjs';
import { drawBars } from './charts/bars.mjs';
import { drawLines } from './charts/lines.mjs';
import { drawPanels } from './charts/panels.mjs';
import { readResults } from './tables.mjs';

const folder = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const { values } = parseArgs({
  options: {
    results: { type: 'string' },
    out: { type: 'string', default: folder('../docs/charts') },
  },
});

const DRAW = { lines: drawLines, bars: drawBars, panels: drawPanels };
const results = readResults(values.results && pathToFileURL(`${path.resolve(values.results)}/`));
mkdirSync(values.out, { recursive: true });
for (const [name, data] of chartData(results)) {
  const svg = DRAW[data.kind](data);
  writeFileSync(path.join(values.out, name), sealed(svg, data));
}
