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
 * @property {'lines' | 'bars'} kind
 * @property {string} title
 * @property {string} subtitle
 * @property {string} footer
 * @property {string} [base] the contender whose time is 1
 * @property {Series[]} series
 * @property {{ label: string, bytes: number, values: (number | null)[] }[]} cells one value for each
 *   series: MB/s for lines; for bars the time as a multiple of the base
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
