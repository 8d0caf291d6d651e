/** Elements of SVG as text. Colours are those of the light scheme; `card.mjs` has the dark ones. */

export const INK = '#1f2328';
export const MUTED = '#59636e';
export const GRID = '#d1d9e0';
export const GROUND = '#ffffff';

/** Pixels of a picture's viewBox. A phone shows 390 of them, so that texts of 14 stay readable. */
export const WIDTH = 520;
export const MARGIN = 20;
export const FONT = 14;

/** @typedef {{ colour: string, shape?: keyof typeof MARKERS, dashes?: string }} Style */

/**
 * samekey is blue, and its engines violet and green. Every colour has a contrast of 3 to 1 or more with
 * the ground in both schemes, and every series of dots has a shape of its own.
 *
 * @type {Record<string, Style>}
 */
const STYLES = {
  samekey: { colour: '#0b5fd6', shape: 'circle' },
  'samekey auto': { colour: '#0b5fd6', shape: 'circle' },
  'samekey wasm': { colour: '#8a3fc9', shape: 'ring' },
  'samekey js': { colour: '#1a7f37' },
  'samekey with ioredis': { colour: '#8a3fc9' },
  'safe-stable-stringify': { colour: '#b35900', shape: 'square' },
  'fast-json-stable-stringify': { colour: '#0a7d8c', shape: 'triangle' },
  'json-canonicalize': { colour: '#57606a', shape: 'diamond' },
  canonicalize: { colour: '#57606a', shape: 'cross' },
  'node:crypto hash': { colour: '#57606a' },
  'crypto.subtle': { colour: '#57606a', dashes: '7,4' },
  'hash-wasm': { colour: '#b35900' },
  '@noble/hashes': { colour: '#0a7d8c' },
  '@chainsafe/as-sha256': { colour: '#9a6a2f' },
  '@aws-lambda-powertools/idempotency': { colour: '#b35900' },
  '@node-idempotency/core': { colour: '#0a7d8c' },
  bare: { colour: '#868e97' },
  Redis: { colour: '#b35900' },
  proxy: { colour: '#8a3fc9' },
  '99 % within': { colour: '#0a7d8c' },
};

/** @param {string} name of a contender */
export const styleOf = (name) => STYLES[name] ?? { colour: '#0b5fd6' };

/** @param {string} words */
export const escaped = (words) =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** @param {Record<string, string | number | undefined>} attributes */
const written = (attributes) =>
  Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? round(value) : value}"`)
    .join('');

/** @param {number} value */
const round = (value) => Number(value.toFixed(1));

/**
 * @param {number} x
 * @param {number} y of the base line
 * @param {string} words
 * @param {Record<string, string | number | undefined>} [attributes]
 */
export const text = (x, y, words, attributes = {}) =>
  `<text${written({ x, y, fill: INK, ...attributes })}>${escaped(words)}</text>\n`;

/**
 * @param {'rect' | 'line' | 'circle' | 'path'} name
 * @param {Record<string, string | number | undefined>} attributes
 */
export const shape = (name, attributes) => `<${name}${written(attributes)}/>\n`;

/**
 * @param {readonly (readonly [number, number])[]} points
 * @param {Record<string, string | number | undefined>} attributes
 */
export const polyline = (points, attributes) =>
  shape('path', {
    d: `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join('L')}`,
    fill: 'none',
    'stroke-linejoin': 'round',
    ...attributes,
  });

/**
 * The markers of dots, each about as large to the eye.
 *
 * @satisfies {Record<string, (x: number, y: number, colour: string) => string>}
 */
const MARKERS = {
  circle: (x, y, colour) => shape('circle', { cx: x, cy: y, r: 6.5, fill: colour }),
  ring: (x, y, colour) =>
    shape('circle', { cx: x, cy: y, r: 5, fill: 'none', stroke: colour, 'stroke-width': 2.5 }),
  square: (x, y, colour) =>
    shape('rect', { x: x - 4.5, y: y - 4.5, width: 9, height: 9, fill: colour }),
  triangle: (x, y, colour) =>
    shape('path', { d: `M${round(x)} ${round(y - 5.5)}l5.5 10h-11z`, fill: colour }),
  diamond: (x, y, colour) =>
    shape('path', { d: `M${round(x)} ${round(y - 6)}l6 6l-6 6l-6-6z`, fill: colour }),
  cross: (x, y, colour) =>
    shape('path', {
      d: `M${round(x - 4.5)} ${round(y - 4.5)}l9 9m0-9l-9 9`,
      fill: 'none',
      stroke: colour,
      'stroke-width': 2.5,
    }),
};

/**
 * @param {string} name of a contender
 * @param {number} x
 * @param {number} y
 */
export function marker(name, x, y) {
  const { colour, shape: kind = 'square' } = styleOf(name);
  return MARKERS[kind](x, y, colour);
}

/**
 * Returns round numbers from 0 to `highest`, about `count` of them.
 *
 * @param {number} highest
 * @param {number} count
 */
export function ticksTo(highest, count) {
  const rough = highest / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, i) =>
    Number((i * step).toPrecision(6)),
  );
}
