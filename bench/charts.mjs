/**
 * Draws the charts of README.md and docs/ from the committed results. `node bench/charts.mjs
 * [--results DIR] [--out DIR]` writes one SVG file for each chart to docs/charts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { drawCharts } from './charts/draw.mjs';
import { readResults } from './tables.mjs';

const folder = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const { values } = parseArgs({
  options: {
    results: { type: 'string' },
    out: { type: 'string', default: folder('../docs/charts') },
  },
});

const results = readResults(values.results && pathToFileURL(`${path.resolve(values.results)}/`));
mkdirSync(values.out, { recursive: true });
for (const [name, svg] of drawCharts(results)) writeFileSync(path.join(values.out, name), svg);
