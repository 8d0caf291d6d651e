/** The frame of a plot: a card with the message as its title, a legend and the machine of the measurement. */
import {
  escaped,
  FONT,
  GRID,
  GROUND,
  INK,
  MARGIN,
  MUTED,
  marker,
  shape,
  styleOf,
  text,
  WIDTH,
} from './shapes.mjs';

/** How wide a page shows the picture, if the page is wide enough. */
const SHOWN_WIDTH = 640;
const TITLE = { size: 19, lineHeight: 25, chars: 40 };
const WORDS = { lineHeight: 19, chars: 60 };
const LEGEND_ROW = 22;
/** Longer names get a line of their own. */
const MOST_COLUMN_CHARS = 26;

/**
 * A picture in a README gets the reader's colour scheme and nothing else from the page, so it has its
 * own background. The names of the colours describe the light scheme.
 */
const DARK = {
  '#ffffff': '#0d1117',
  '#d1d9e0': '#3d444d',
  '#1f2328': '#f0f6fc',
  '#59636e': '#9198a1',
  '#0b5fd6': '#58a6ff',
  '#8a3fc9': '#c297ff',
  '#b35900': '#f0883e',
  '#9a6a2f': '#d9a05f',
  '#1a7f37': '#56d364',
  '#0a7d8c': '#39c5cf',
  '#57606a': '#9aa4ae',
  '#868e97': '#76808a',
};

/**
 * @param {import('../chart-data.mjs').ChartData} data
 * @param {{ markup: string, height: number }} plot `WIDTH` wide
 * @returns {string} an SVG file
 */
export function card({ kind, title, subtitle, footer, series }, plot) {
  let y = MARGIN - 4;
  const lines = (/** @type {string} */ words, /** @type {number} */ chars) => wrapped(words, chars);
  let head = '';
  for (const line of lines(title, TITLE.chars)) {
    y += TITLE.lineHeight;
    head += text(MARGIN, y, line, { 'font-size': TITLE.size, 'font-weight': 600 });
  }
  y += 6;
  for (const line of lines(subtitle, WORDS.chars)) {
    y += WORDS.lineHeight;
    head += text(MARGIN, y, line, { fill: MUTED });
  }
  // Lines over sizes have their names at their ends.
  const legend =
    kind === 'throughput' || series.length < 2
      ? { markup: '', height: 0 }
      : drawLegend(kind, series, y + 16);
  const top = y + 16 + legend.height;
  let bottom = top + plot.height + 6;
  let foot = '';
  for (const line of lines(footer, WORDS.chars)) {
    bottom += WORDS.lineHeight - 1;
    foot += text(MARGIN, bottom, line, { fill: MUTED, 'font-size': FONT - 1 });
  }
  const height = bottom + MARGIN - 4;

  const swap = Object.entries(DARK).map(
    ([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${SHOWN_WIDTH}" height="${Math.round((height * SHOWN_WIDTH) / WIDTH)}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui,-apple-system,'Segoe UI','Noto Sans','DejaVu Sans',Helvetica,Arial,sans-serif" font-size="${FONT}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(`${subtitle} ${footer}`)}</desc>
<style>@media (prefers-color-scheme:dark){${swap.join('')}}</style>
<rect x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="8" fill="${GROUND}" stroke="${GRID}"/>
${head}${legend.markup}<g transform="translate(0 ${top})">
${plot.markup}</g>
${foot}</svg>
`;
}

/**
 * @param {string} kind of the chart
 * @param {readonly import('../chart-data.mjs').Series[]} series
 * @param {number} top
 */
function drawLegend(kind, series, top) {
  const isNarrow = series.some(({ label }) => label.length > MOST_COLUMN_CHARS);
  const columns = isNarrow ? 1 : 2;
  const entries = series.map(({ name, label }, i) => {
    const x = MARGIN + (i % columns) * ((WIDTH - 2 * MARGIN) / columns);
    const y = top + 14 + Math.floor(i / columns) * LEGEND_ROW;
    const { colour } = styleOf(name);
    const box = { x, y: y - 11, width: 12, height: 12, rx: 2, fill: colour };
    const sign = kind === 'dots' ? marker(name, x + 7, y - 5) : shape('rect', box);
    return `${sign}${text(x + 21, y, label, { fill: INK })}`;
  });
  return { markup: entries.join(''), height: Math.ceil(series.length / columns) * LEGEND_ROW + 8 };
}

/**
 * Breaks words into lines. There is no font here to measure them, so the count is of a wide font.
 *
 * @param {string} words
 * @param {number} chars
 */
function wrapped(words, chars) {
  /** @type {string[]} */
  const lines = [];
  for (const word of words.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim();
    if (lines.length > 0 && longer.length <= chars) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
