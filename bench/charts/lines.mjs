/** Lines over sizes: throughput, with the name of each line at its end. */
import * as Plot from '@observablehq/plot';
import { card, createDocument, GRID, GROUND, INK, MUTED, WIDTH } from './card.mjs';

/** Colour and dashes of a line: samekey's are thick, the ones of the runtime dark grey. */
const STYLES = {
  'samekey auto': { colour: '#0b5fd6' },
  'samekey wasm': { colour: '#8a3fc9' },
  'samekey js': { colour: '#1a7f37' },
  'node:crypto hash': { colour: '#57606a' },
  'node:crypto createHash': { colour: '#57606a', dashes: '2,4' },
  'crypto.subtle': { colour: '#57606a', dashes: '7,4' },
  'hash-wasm': { colour: '#b35900' },
  '@noble/hashes': { colour: '#0a7d8c' },
  '@chainsafe/as-sha256': { colour: '#9a6a2f' },
};

const HEIGHT = 440;
const MARGINS = { marginLeft: 76, marginRight: 176, marginTop: 12, marginBottom: 34 };
const LABEL_GAP = 16;

/**
 * @param {import('../chart-data.mjs').ChartData} data
 * @returns {string} an SVG file
 */
export function drawLines(data) {
  const { series, cells } = data;
  const values = cells.flatMap(({ values: list }) => list.filter((value) => value !== null));
  const domain = [Math.min(...values) * 0.8, Math.max(...values) * 1.25];
  const lines = series.map(({ name, label, isOurs }, i) => ({
    label,
    isOurs,
    ...(STYLES[/** @type {keyof typeof STYLES} */ (name)] ?? { colour: INK }),
    points: cells.flatMap(({ bytes, values: list }) =>
      list[i] === null ? [] : [{ bytes, rate: list[i] }],
    ),
  }));
  // samekey last, so that its lines are on top.
  const drawn = lines.toSorted((a, b) => Number(a.isOurs) - Number(b.isOurs));

  const plot = Plot.plot({
    document: createDocument(),
    width: WIDTH - 48,
    height: HEIGHT,
    ...MARGINS,
    style: { fontSize: '12px', overflow: 'visible' },
    x: { type: 'log', domain: [cells[0]?.bytes, cells.at(-1)?.bytes], label: null, axis: null },
    y: { type: 'log', domain, label: null },
    marks: [
      Plot.gridY([1, 10, 100, 1000], { stroke: GRID, strokeOpacity: 0.8 }),
      Plot.axisY([1, 10, 100, 1000], {
        tickSize: 0,
        fill: MUTED,
        tickFormat: (/** @type {number} */ y) => `${y} MB/s`,
      }),
      Plot.text(cells, {
        x: 'bytes',
        text: 'label',
        frameAnchor: 'bottom',
        dy: 20,
        fill: MUTED,
      }),
      ...drawn.map(({ points, colour, dashes, isOurs }) =>
        Plot.line(points, {
          x: 'bytes',
          y: 'rate',
          stroke: colour,
          strokeWidth: isOurs ? 3 : 1.6,
          strokeDasharray: dashes,
          strokeLinejoin: 'round',
        }),
      ),
      ...drawn
        .filter(({ isOurs }) => isOurs)
        .map(({ points, colour }) =>
          Plot.dot(points, {
            x: 'bytes',
            y: 'rate',
            r: 4,
            fill: colour,
            stroke: GROUND,
            strokeWidth: 1.2,
          }),
        ),
      ...endLabels(lines, domain).map(({ point, label, colour, isOurs, dy }) =>
        Plot.text([point], {
          x: 'bytes',
          y: 'rate',
          text: () => label,
          textAnchor: 'start',
          dx: 12,
          dy,
          fill: colour,
          fontWeight: isOurs ? 700 : 400,
        }),
      ),
    ],
  });
  return card(data, [], plot);
}

/**
 * Returns the positions of the names at the ends of lines. Names that would overlap are moved apart:
 * from the top down, and from the bottom up if that went too far.
 *
 * @param {readonly any[]} lines
 * @param {number[]} domain
 */
function endLabels(lines, [low = 1, high = 10]) {
  const top = MARGINS.marginTop;
  const bottom = HEIGHT - MARGINS.marginBottom;
  const yOf = (/** @type {number} */ rate) =>
    bottom - ((bottom - top) * Math.log(rate / low)) / Math.log(high / low);
  const labels = lines
    .map((line) => {
      const point = line.points.at(-1);
      return { ...line, point, y: yOf(point.rate), at: yOf(point.rate) };
    })
    .toSorted((a, b) => a.y - b.y);
  // A bunch of names is centred on its lines.
  for (let pass = 0; pass < 200; pass++) {
    for (let i = 1; i < labels.length; i++) {
      const overlap = LABEL_GAP - (labels[i].at - labels[i - 1].at);
      if (overlap <= 0) continue;
      labels[i - 1].at -= overlap / 2;
      labels[i].at += overlap / 2;
    }
  }
  return labels.map((label) => ({ ...label, dy: Math.round(label.at - label.y) }));
}
