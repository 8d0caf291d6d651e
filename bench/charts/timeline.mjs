/** Lines over the minutes of a long run. */
import { card } from './card.mjs';
import { GRID, MUTED, polyline, shape, styleOf, text, ticksTo, WIDTH } from './shapes.mjs';

const LEFT = 82;
const RIGHT = WIDTH - 34;
const TOP = 10;
const BOTTOM = 240;

/**
 * @param {import('../chart-data.mjs').ChartData & { kind: 'timeline' }} data
 * @returns {string} an SVG file
 */
export function drawTimeline(data) {
  const { series, points, unit } = data;
  const lastMinute = Math.max(...points.map(({ minute }) => minute));
  const highest = Math.max(...points.flatMap(({ values }) => values)) * 1.05;
  const xOf = (/** @type {number} */ minute) => LEFT + ((RIGHT - LEFT) * minute) / lastMinute;
  const yOf = (/** @type {number} */ value) => BOTTOM - ((BOTTOM - TOP) * value) / highest;
  const rows = ticksTo(highest, 5).map(
    (tick) =>
      shape('line', { x1: LEFT, x2: RIGHT, y1: yOf(tick), y2: yOf(tick), stroke: GRID }) +
      text(LEFT - 8, yOf(tick) + 5, `${tick.toLocaleString('en')} ${unit}`, {
        fill: MUTED,
        'text-anchor': 'end',
      }),
  );
  const columns = ticksTo(lastMinute, 5).map((tick) =>
    text(xOf(tick), BOTTOM + 22, `${tick} min`, { fill: MUTED, 'text-anchor': 'middle' }),
  );
  const lines = series.map(({ name }, i) =>
    polyline(
      points.map(({ minute, values }) => [xOf(minute), yOf(values[i] ?? 0)]),
      { stroke: styleOf(name).colour, 'stroke-width': 2 },
    ),
  );
  return card(data, { markup: [...rows, ...columns, ...lines].join(''), height: BOTTOM + 30 });
}
