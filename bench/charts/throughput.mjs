/** Lines over sizes, both axes logarithmic, with the name of each line at its end. */
import { card } from './card.mjs';
import { GRID, GROUND, MARGIN, MUTED, polyline, shape, styleOf, text, WIDTH } from './shapes.mjs';

const LEFT = 96;
const RIGHT = WIDTH - 182;
const TOP = 8;
const BOTTOM = 356;
const LABEL_GAP = 19;
/** The widest label of a size, with the gap to the next one. */
const TICK_WIDTH = 56;

/**
 * @param {import('../chart-data.mjs').ChartData & { kind: 'throughput' }} data
 * @returns {string} an SVG file
 */
export function drawThroughput(data) {
  const { series, cells } = data;
  const values = cells.flatMap(({ values: list }) => list.filter((value) => value !== null));
  const [low, high] = [Math.min(...values) * 0.8, Math.max(...values) * 1.25];
  const [smallest = 1, largest = 10] = [cells[0]?.bytes, cells.at(-1)?.bytes];
  const xOf = (/** @type {number} */ bytes) =>
    LEFT + ((RIGHT - LEFT) * Math.log(bytes / smallest)) / Math.log(largest / smallest);
  const yOf = (/** @type {number} */ rate) =>
    BOTTOM - ((BOTTOM - TOP) * Math.log(rate / low)) / Math.log(high / low);

  const lines = series.map(({ name, label, isOurs }, i) => {
    const points = cells.flatMap(({ bytes, values: list }) => {
      const rate = list[i];
      return rate === null || rate === undefined
        ? []
        : [/** @type {[number, number]} */ ([xOf(bytes), yOf(rate)])];
    });
    return { label, isOurs, points, end: points.at(-1) ?? [LEFT, BOTTOM], ...styleOf(name) };
  });
  const grid = [1, 10, 100, 1000]
    .filter((rate) => rate >= low && rate <= high)
    .map(
      (rate) =>
        shape('line', { x1: LEFT, x2: RIGHT, y1: yOf(rate), y2: yOf(rate), stroke: GRID }) +
        text(LEFT - 8, yOf(rate) + 5, `${rate} MB/s`, { fill: MUTED, 'text-anchor': 'end' }),
    );
  // samekey last, so that its lines are on top.
  const drawn = lines
    .toSorted((a, b) => Number(a.isOurs) - Number(b.isOurs))
    .map(({ points, colour, dashes, isOurs }) => {
      const style = {
        stroke: colour,
        'stroke-width': isOurs ? 3 : 1.8,
        'stroke-dasharray': dashes,
      };
      const dots = isOurs
        ? points.map(([cx, cy]) => shape('circle', { cx, cy, r: 4, fill: colour, stroke: GROUND }))
        : [];
      return polyline(points, style) + dots.join('');
    });
  const names = spread(lines.map(({ end }) => end[1])).map((y, i) => {
    const { label = '', colour, isOurs } = lines[i] ?? {};
    return text(RIGHT + 12, y + 5, label, {
      fill: colour,
      'font-weight': isOurs ? 700 : undefined,
    });
  });
  return card(data, {
    markup: [...grid, ...sizes(cells, xOf), ...drawn, ...names].join(''),
    height: BOTTOM + 34,
  });
}

/**
 * Returns the labels of the sizes that have room.
 *
 * @param {readonly { label: string, bytes: number }[]} cells
 * @param {(bytes: number) => number} xOf
 */
function sizes(cells, xOf) {
  let last = Number.NEGATIVE_INFINITY;
  return cells.flatMap(({ label, bytes }) => {
    const x = xOf(bytes);
    if (x - last < TICK_WIDTH) return [];
    last = x;
    return [
      text(Math.max(x, MARGIN + 20), BOTTOM + 24, label, { fill: MUTED, 'text-anchor': 'middle' }),
    ];
  });
}

/**
 * Moves labels that would overlap apart. A bunch of labels stays centred on its lines.
 *
 * @param {readonly number[]} wanted
 */
function spread(wanted) {
  const labels = wanted.map((y, i) => ({ i, y })).toSorted((a, b) => a.y - b.y);
  for (let pass = 0; pass < 200; pass++) {
    for (let at = 1; at < labels.length; at++) {
      const [above, below] = [labels[at - 1], labels[at]];
      if (above === undefined || below === undefined) continue;
      const overlap = LABEL_GAP - (below.y - above.y);
      if (overlap <= 0) continue;
      above.y -= overlap / 2;
      below.y += overlap / 2;
    }
  }
  return labels.toSorted((a, b) => a.i - b.i).map(({ y }) => y);
}
