/**
 * Extracts the data of the charts from the results. Each picture proves that it shows its data: its
 * metadata holds the digest of the data and the digest of the rest of the file.
 *
 * @typedef {object} Series
 * @property {string} name the contender
 * @property {string} label
 * @property {boolean} isOurs
 *
 * @typedef {object} ChartData
 * @property {'lines' | 'bars' | 'panels'} kind
 * @property {string} title
 * @property {string} subtitle
 * @property {string} footer
 * @property {string} [base] the contender whose time is 1
 * @property {Series[]} series
 * @property {{ label: string, bytes: number, values: (number | null)[] }[]} cells one value for each
 *   series: MB/s for lines; for bars the time as a multiple of the base
 * @property {Panel[]} [panels] each has the next `count` series
 * @property {Point[]} [points] in place of cells, for panels
 *
 * @typedef {{ label: string, unit: string, count: number }} Panel
 * @typedef {{ x: number, values: (number | null)[] }} Point
 */
import { sha256Hex } from './reference.mjs';

const OURS = [
  { name: 'samekey auto', label: 'samekey', isOurs: true },
  { name: 'samekey wasm', label: 'samekey wasm', isOurs: true },
];

const STRINGIFY_PEERS = [
  { name: 'safe-stable-stringify', label: 'safe-stable-stringify', isOurs: false },
  { name: 'fast-json-stable-stringify', label: 'fast-json-stable-stringify', isOurs: false },
  { name: 'json-canonicalize', label: 'json-canonicalize', isOurs: false },
  { name: 'canonicalize', label: 'canonicalize', isOurs: false },
];

/** Groups of bars in one picture. */
const MOST_GROUPS = 9;

/** File name → the group of the chart, and how it is drawn. */
const CHARTS = {
  'sha256-throughput': { group: 'engines', data: throughput },
  'key-of-value': {
    group: 'keyof',
    data: (/** @type {any} */ result) =>
      times(result, {
        title: 'keyOf: from a request object to its key',
        base: 'JSON.stringify alone',
        peers: 'stable text, then crypto.hash',
      }),
  },
  'key-of-json': {
    group: 'json',
    data: (/** @type {any} */ result) =>
      times(result, {
        title: 'keyOfJson: from a raw request body to its key',
        base: 'JSON.parse alone',
        peers: 'parse, stable text, crypto.hash',
      }),
  },
  soak: { group: 'soak', data: soak },
};

/**
 * @param {Record<string, any>} results by group
 * @returns {Map<string, ChartData>} by the file name of the picture, for the groups that have results
 */
export function chartData(results) {
  return new Map(
    Object.entries(CHARTS).flatMap(([name, { group, data }]) =>
      results[group] ? [[`${name}.svg`, data(results[group])]] : [],
    ),
  );
}

/** @param {any} result */
function throughput(result) {
  const series = [
    ...OURS,
    { name: 'samekey js', label: 'samekey js', isOurs: true },
    { name: 'node:crypto hash', label: 'node:crypto hash', isOurs: false },
    { name: 'node:crypto createHash', label: 'node:crypto createHash', isOurs: false },
    { name: 'crypto.subtle', label: 'crypto.subtle', isOurs: false },
    { name: 'hash-wasm', label: 'hash-wasm', isOurs: false },
    { name: '@noble/hashes', label: '@noble/hashes', isOurs: false },
    { name: '@chainsafe/as-sha256', label: '@chainsafe/as-sha256', isOurs: false },
  ];
  return {
    kind: /** @type {const} */ ('lines'),
    title: 'SHA-256 of bytes to hex text',
    subtitle: 'Throughput by size of the message, both axes logarithmic. Higher is faster.',
    footer: footer(result),
    series,
    cells: cellsOf(result, series, ({ bytes }, ns) => (bytes / ns) * 1e3),
  };
}

/**
 * @param {any} result
 * @param {{ title: string, base: string, peers: string }} words
 */
function times(result, { title, base, peers }) {
  const series = [...OURS, ...STRINGIFY_PEERS];
  return {
    kind: /** @type {const} */ ('bars'),
    title,
    subtitle: `Time as a multiple of ${base} (dashed); lower is faster. In grey: ${peers}.`,
    footer: footer(result),
    base,
    series,
    // The first cells are of different kinds; the picture has no room for more.
    cells: cellsOf(
      { cells: result.cells.slice(0, MOST_GROUPS) },
      series,
      ({ medianNs }, ns) => ns / medianNs[base],
    ),
  };
}

/** The most points of a line: a picture of 900 pixels shows no more. */
const MOST_POINTS = 150;

/** @param {any} result */
function soak({ machine, versions, keys, seconds, settings, samples }) {
  const every = Math.ceil(samples.length / MOST_POINTS);
  const mb = (/** @type {number} */ bytes) => Math.round(bytes / 1e6);
  // Windows without a new key wait for the last repeated requests.
  const shown = samples.filter(
    (/** @type {any} */ { perSecond }, /** @type {number} */ at) =>
      perSecond > 0 && at % every === 0,
  );
  const names = ['API', 'proxy', 'Redis', 'median', '99 % within'];
  return {
    kind: /** @type {const} */ ('panels'),
    title: `${keys.toLocaleString('en')} keys through samekey/server, samekey proxy and Redis`,
    subtitle: `${Math.round(seconds / 60)} minutes, ${settings.clientCount} clients. By minute: memory of each process, and the time of a first run in windows of ${Math.round(seconds / samples.length)} s.`,
    footer: `${machine.cpu}, ${machine.cores} cores for all processes, ${machine.os} ${machine.arch}, Node ${versions.node}.`,
    series: names.map((name) => ({ name, label: name, isOurs: name !== 'Redis' })),
    cells: [],
    panels: [
      { label: 'Resident memory', unit: 'MB', count: 3 },
      { label: 'A first run, from the request to the answer', unit: 'ms', count: 2 },
    ],
    points: shown.map((/** @type {any} */ sample) => ({
      x: Number((sample.atS / 60).toFixed(2)),
      values: [
        mb(sample.serverBytes),
        mb(sample.proxyBytes),
        mb(sample.redisBytes),
        sample.runMs[0],
        sample.runMs[1],
      ],
    })),
  };
}

/**
 * @param {any} result
 * @param {readonly Series[]} series
 * @param {(cell: any, ns: number) => number} value
 */
const cellsOf = (result, series, value) =>
  result.cells.map((/** @type {any} */ cell) => ({
    label: cell.label,
    bytes: cell.bytes,
    values: series.map(({ name }) => {
      const ns = cell.medianNs[name];
      return ns === undefined ? null : Number(value(cell, ns).toPrecision(4));
    }),
  }));

/** @param {any} result */
const footer = ({ machine, versions, settings }) =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.os} ${machine.arch}, Node ${versions.node}. ` +
  `Medians of ${settings.rounds} rounds${settings.quick ? ' (quick)' : ''}.`;

const METADATA = /<metadata>.*?<\/metadata>\n/s;

/**
 * @param {string} svg without metadata
 * @param {ChartData} data
 * @returns {string} with metadata
 */
export const sealed = (svg, data) =>
  svg.replace(
    /<\/svg>\n$/,
    (end) =>
      `<metadata>data ${sha256Hex(JSON.stringify(data))}, drawing ${sha256Hex(svg)}</metadata>\n${end}`,
  );

/**
 * @param {string} svg
 * @param {ChartData} data
 * @returns {boolean} whether it was drawn from these data and has not changed since
 */
export const isSealed = (svg, data) => svg === sealed(svg.replace(METADATA, ''), data);
