/** Several lines over one axis in panels below each other: what a long run held, and how long its answers took. */
import * as Plot from '@observablehq/plot';
import { card, createDocument, GRID, INK, MUTED, WIDTH } from './card.mjs';

/** In the order of all series. */
const COLOURS = ['#0b5fd6', '#8a3fc9', '#b35900', '#1a7f37', '#0a7d8c'];
const PANEL_HEIGHT = 210;
const MARGINS = { marginLeft: 64, marginRight: 12, marginTop: 30, marginBottom: 30 };

/**
 * @param {import('../chart-data.mjs').ChartData} data
 * @returns {string} an SVG file
 */
export function drawPanels(data) {
  const { series, points = [], panels = [] } = data;
  const document = createDocument();
  const height = panels.length * PANEL_HEIGHT;
  const all = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [name, value] of Object.entries({ width: WIDTH - 48, height })) {
    all.setAttribute(name, `${value}`);
  }
  let from = 0;
  for (const [at, { label, unit, count }] of panels.entries()) {
    const lines = series.slice(from, from + count).map((_, i) => ({
      colour: COLOURS[from + i] ?? INK,
      points: points.flatMap(({ x, values }) => {
        const y = values[from + i];
        return y === null || y === undefined ? [] : [{ x, y }];
      }),
    }));
    const plot = drawPanel(lines, label, unit);
    plot.setAttribute('y', `${at * PANEL_HEIGHT}`);
    plot.removeAttribute('class');
    all.append(plot);
    from += count;
  }
  const legend = series.map(({ label }, i) => ({ label, colour: COLOURS[i] ?? INK }));
  return card(data, legend, all);
}

/**
 * @param {readonly { colour: string, points: { x: number, y: number }[] }[]} lines
 * @param {string} label
 * @param {string} unit
 */
function drawPanel(lines, label, unit) {
  const points = lines.flatMap((line) => line.points);
  const lastX = Math.max(...points.map(({ x }) => x));
  const highest = Math.max(...points.map(({ y }) => y));
  return Plot.plot({
    document: createDocument(),
    width: WIDTH - 48,
    height: PANEL_HEIGHT,
    ...MARGINS,
    style: { fontSize: '12px', overflow: 'visible' },
    x: { domain: [0, lastX], label: null },
    y: { domain: [0, highest * 1.08], label: null },
    marks: [
      Plot.gridY({ ticks: 5, stroke: GRID, strokeOpacity: 0.8 }),
      Plot.axisY({
        ticks: 5,
        tickSize: 0,
        fill: MUTED,
        tickFormat: (/** @type {number} */ y) => `${y} ${unit}`,
      }),
      Plot.axisX({
        ticks: 8,
        tickSize: 0,
        fill: MUTED,
        tickFormat: (/** @type {number} */ minute) => `${minute} min`,
      }),
      Plot.text([label], {
        text: (/** @type {string} */ text) => text,
        frameAnchor: 'top-left',
        dx: -MARGINS.marginLeft + 4,
        dy: -22,
        fill: INK,
        fontWeight: 600,
      }),
      ...lines.map(({ points: each, colour }) =>
        Plot.line(each, { x: 'x', y: 'y', stroke: colour, strokeWidth: 1.8 }),
      ),
    ],
  });
}
