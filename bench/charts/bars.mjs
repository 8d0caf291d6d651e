/** Groups of horizontal bars, each with its figure at its end. */
import { card } from './card.mjs';
import { GRID, MARGIN, shape, styleOf, text, WIDTH } from './shapes.mjs';

const BAR = { height: 15, row: 21 };
const HEADING_HEIGHT = 22;
const GROUP_GAP = 12;
/** Room for the figure of the longest bar. */
const FIGURE_WIDTH = 84;

/**
 * @param {import('../chart-data.mjs').ChartData & { kind: 'bars' }} data
 * @returns {string} an SVG file
 */
export function drawBars(data) {
  const { series, groups, unit } = data;
  const highest = Math.max(...groups.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const widest = WIDTH - 2 * MARGIN - FIGURE_WIDTH;
  let y = 0;
  let markup = '';
  const axisTop = 4;
  for (const { label, values } of groups) {
    y += HEADING_HEIGHT;
    markup += text(MARGIN, y - 6, label, { 'font-weight': 600 });
    for (const [i, value] of values.entries()) {
      const name = series[i]?.name ?? '';
      if (value === null) continue;
      const width = (widest * value) / highest;
      markup += shape('rect', {
        x: MARGIN,
        y,
        width,
        height: BAR.height,
        rx: 2,
        fill: styleOf(name).colour,
      });
      markup += text(MARGIN + width + 7, y + 12.5, `${value} ${unit}`, {
        'font-weight': name.startsWith('samekey') ? 600 : undefined,
      });
      y += BAR.row;
    }
    y += GROUP_GAP;
  }
  const height = y - GROUP_GAP;
  const axis = shape('line', { x1: MARGIN, x2: MARGIN, y1: axisTop, y2: height, stroke: GRID });
  return card(data, { markup: axis + markup, height });
}
