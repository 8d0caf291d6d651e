/** The frame of a plot: a card with a title, a legend and the machine of the measurement. */
import { parseHTML } from 'linkedom';

const MARGIN = 24;
const LEGEND_TOP = 96;
const LEGEND_ROW = 22;
const LEGEND_COLUMNS = 3;
export const WIDTH = 960;

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
  '#7aa7f0': '#2f6ac2',
  '#8a3fc9': '#c297ff',
  '#b35900': '#f0883e',
  '#9a6a2f': '#d9a05f',
  '#1a7f37': '#56d364',
  '#0a7d8c': '#39c5cf',
  '#57606a': '#9aa4ae',
  '#868e97': '#76808a',
  '#aeb5bc': '#555e68',
  '#cfd4d9': '#3a424b',
};

export const INK = '#1f2328';
export const MUTED = '#59636e';
export const GRID = '#d1d9e0';
export const GROUND = '#ffffff';

/** @returns {any} the document in which a plot creates its elements */
export const createDocument = () => parseHTML('<!doctype html><html><body></body></html>').document;

/** @param {string} text */
export const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * @param {{ title: string, subtitle: string, footer: string }} words
 * @param {readonly { label: string, colour: string }[]} legend
 * @param {any} plot an SVG element, `WIDTH` less two margins wide
 * @returns {string} an SVG file
 */
export function card({ title, subtitle, footer }, legend, plot) {
  const { markup, bottom } = drawLegend(legend);
  const plotHeight = Number(plot.getAttribute('height'));
  const top = bottom + 12;
  const height = top + plotHeight + 52;
  plot.setAttribute('x', `${MARGIN}`);
  plot.setAttribute('y', `${top}`);
  plot.removeAttribute('class');
  // Plot's own styles are for a page.
  for (const style of plot.querySelectorAll('style')) style.remove();

  const swap = Object.entries(DARK).map(
    ([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui,-apple-system,'Segoe UI','Noto Sans','DejaVu Sans',Helvetica,Arial,sans-serif" font-size="13" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(`${subtitle} ${footer}`)}</desc>
<style>@media (prefers-color-scheme:dark){${swap.join('')}}</style>
<rect x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="8" fill="${GROUND}" stroke="${GRID}"/>
<text x="${MARGIN}" y="42" fill="${INK}" font-size="21" font-weight="600">${escaped(title)}</text>
<text x="${MARGIN}" y="66" fill="${MUTED}">${escaped(subtitle)}</text>
${markup}${plot.outerHTML}
<text x="${MARGIN}" y="${height - 20}" fill="${MUTED}" font-size="12">${escaped(footer)}</text>
</svg>
`;
}

/** @param {readonly { label: string, colour: string }[]} legend */
function drawLegend(legend) {
  // In columns, because there is no font here to measure texts with.
  const columnWidth = (WIDTH - 2 * MARGIN) / LEGEND_COLUMNS;
  const entries = legend.map(({ label, colour }, i) => {
    const x = MARGIN + (i % LEGEND_COLUMNS) * columnWidth;
    const y = LEGEND_TOP + Math.floor(i / LEGEND_COLUMNS) * LEGEND_ROW;
    return `<rect x="${x}" y="${y - 11}" width="12" height="12" rx="2" fill="${colour}"/><text x="${x + 19}" y="${y}" fill="${INK}">${escaped(label)}</text>\n`;
  });
  const rows = Math.ceil(legend.length / LEGEND_COLUMNS);
  return { markup: entries.join(''), bottom: LEGEND_TOP + (rows - 1) * LEGEND_ROW };
}
