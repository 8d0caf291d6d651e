/** Groups of bars: times as multiples of the time of the common baseline. */
import * as Plot from '@observablehq/plot';
import { formatBytes, formatRatio } from '../format.mjs';
import { card, createDocument, GRID, INK, MUTED, WIDTH } from './card.mjs';

/** samekey in colour, the others in greys, from the fastest common one to the slowest. */
const COLOURS = ['#0b5fd6', '#7aa7f0', '#57606a', '#868e97', '#aeb5bc', '#cfd4d9'];

const MARGIN_LEFT = 40;
const MARGIN_RIGHT = 12;
/** The gap between two groups, as a fraction of a group and its gap. */
const GAP = 0.18;

/** @typedef {import('../chart-data.mjs').ChartData['cells'][number]} Cell */

/**
 * @param {import('../chart-data.mjs').ChartData} data
 * @returns {string} an SVG file
 */
export function drawBars(data) {
  const { series, cells } = data;
  const labels = cells.map(({ label }) => label);
  const bars = cells.flatMap(({ label, values }) =>
    values.map((value, i) => ({
      cell: label,
      series: series[i]?.label,
      value,
      colour: COLOURS[i],
    })),
  );
  const highest = Math.max(...bars.map(({ value }) => value ?? 0));
  // Plot draws one line for each group. Half a gap more on both sides makes them meet.
  const gap = ((WIDTH - 48 - MARGIN_LEFT - MARGIN_RIGHT) / (cells.length + GAP)) * GAP;
  const across = { insetLeft: -gap / 2 - 0.5, insetRight: -gap / 2 - 0.5 };
  const plot = Plot.plot({
    document: createDocument(),
    width: WIDTH - 48,
    height: 380,
    marginLeft: MARGIN_LEFT,
    marginRight: MARGIN_RIGHT,
    marginTop: 14,
    marginBottom: 62,
    style: { fontSize: '12px', overflow: 'visible' },
    fx: { domain: labels, axis: null, padding: GAP },
    x: { domain: series.map(({ label }) => label), axis: null, padding: 0.06 },
    y: { domain: [0, highest * 1.06], label: null },
    marks: [
      Plot.gridY({ ...across, stroke: GRID, strokeOpacity: 0.7, ticks: 6 }),
      Plot.axisY({
        ticks: 6,
        tickSize: 0,
        tickPadding: gap / 2 + 6,
        fill: MUTED,
        tickFormat: (/** @type {number} */ y) => `${y} ×`,
      }),
      Plot.barY(bars, {
        fx: 'cell',
        x: 'series',
        y: 'value',
        fill: 'colour',
        insetLeft: 0.5,
        insetRight: 0.5,
      }),
      // Over the bars, so that it shows which bars stay below it.
      Plot.ruleY([1], { ...across, stroke: INK, strokeDasharray: '3,3' }),
      ...[
        { text: 'label', dy: 20, fill: INK, fontWeight: 600 },
        { text: (/** @type {Cell} */ { bytes }) => formatBytes(bytes), dy: 37, fill: MUTED },
        {
          text: (/** @type {Cell} */ { values: [ours] }) => formatRatio(ours ?? Number.NaN),
          dy: 54,
          fill: COLOURS[0],
          fontWeight: 600,
        },
      ].map((text) => Plot.text(cells, { fx: 'label', frameAnchor: 'bottom', ...text })),
    ],
  });
  const legend = series.map(({ label }, i) => ({ label, colour: COLOURS[i] ?? INK }));
  return card(data, legend, plot);
}
