/** Rows of dots: times as multiples of the time of a common base. */
import { formatBytes, formatRatio } from '../format.mjs';
import { card } from './card.mjs';
import {
  FONT,
  GRID,
  INK,
  MARGIN,
  MUTED,
  marker,
  shape,
  styleOf,
  text,
  ticksTo,
  WIDTH,
} from './shapes.mjs';

const LEFT = 132;
const RIGHT = WIDTH - 88;
const ROW_HEIGHT = 40;
const TOP = 42;

/**
 * @param {import('../chart-data.mjs').ChartData & { kind: 'dots' }} data
 * @returns {string} an SVG file
 */
export function drawDots(data) {
  const { base, series, cells } = data;
  const highest = Math.max(...cells.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const xOf = (/** @type {number} */ value) => LEFT + ((RIGHT - LEFT) * value) / (highest * 1.04);
  const bottom = TOP + cells.length * ROW_HEIGHT;
  const vertical = (/** @type {number} */ x) => ({ x1: x, x2: x, y1: TOP, y2: bottom });
  const ours = styleOf(series[0]?.name ?? '').colour;

  const axis = ticksTo(highest, 5).map(
    (tick) =>
      shape('line', { ...vertical(xOf(tick)), stroke: GRID }) +
      text(xOf(tick), TOP - 8, `${tick} ×`, { fill: MUTED, 'text-anchor': 'middle' }),
  );
  const rows = cells.map(({ label, bytes, values }, row) => {
    const y = TOP + (row + 0.5) * ROW_HEIGHT;
    const known = values.filter((value) => value !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)].map(xOf);
    // samekey last, so that its dot is on top.
    const dots = series.map(({ name }, i) => {
      const value = values[i];
      return value === null || value === undefined ? '' : marker(name, xOf(value), y);
    });
    return (
      text(MARGIN, y - 1, label, { 'font-weight': 600 }) +
      text(MARGIN, y + 15, formatBytes(bytes), { fill: MUTED, 'font-size': FONT - 1 }) +
      shape('line', { x1: low, x2: high, y1: y, y2: y, stroke: GRID, 'stroke-width': 3 }) +
      dots.reverse().join('') +
      text(WIDTH - MARGIN, y + 5, formatRatio(values[0] ?? Number.NaN), {
        fill: ours,
        'font-weight': 600,
        'text-anchor': 'end',
      })
    );
  });
  const baseLine =
    shape('line', { ...vertical(xOf(1)), y1: TOP - 4, stroke: INK, 'stroke-dasharray': '4,3' }) +
    text(xOf(1), TOP - 26, base, { 'text-anchor': 'middle' });
  const head = text(WIDTH - MARGIN, TOP - 8, series[0]?.label ?? '', {
    fill: ours,
    'font-weight': 600,
    'text-anchor': 'end',
  });
  return card(data, {
    markup: axis.join('') + head + baseLine + rows.join(''),
    height: bottom + 6,
  });
}
