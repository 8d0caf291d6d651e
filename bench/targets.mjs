/** The speed targets of samekey, checked against the results of one run. */
import { BEST_PEER } from './groups/index.mjs';

/**
 * @typedef {object} Target
 * @property {string} what
 * @property {'≥' | '>' | '≤' | '<'} relation
 * @property {number} wanted
 * @property {number} [ambition]
 * @property {number} reached
 * @property {string} unit
 * @property {boolean} met
 *
 * How many times as fast one contender is as another.
 *
 * @typedef {object} Goal
 * @property {string} of
 * @property {string} over
 * @property {string} cell an id, or `MEAN`
 * @property {number} wanted
 * @property {number} [ambition]
 */

/** The geometric mean over `meanOf` of the group. */
const MEAN = 'mean';
const AUTO = 'samekey auto';
const WASM = 'samekey wasm';
const JS = 'samekey js';
const STRINGIFY = 'JSON.stringify alone';
const HASH = 'node:crypto hash';
const CREATE_HASH = 'node:crypto createHash';

/**
 * @param {string} of
 * @param {string} over
 * @param {Record<string, number | [wanted: number, ambition: number]>} byCell
 * @returns {Goal[]}
 */
const goals = (of, over, byCell) =>
  Object.entries(byCell).map(([cell, figures]) => {
    const [wanted, ambition] = typeof figures === 'number' ? [figures] : figures;
    return { of, over, cell, wanted, ...(ambition && { ambition }) };
  });

/** By timed group. @type {Record<string, readonly Goal[]>} */
export const GOALS = {
  engines: [
    ...goals(WASM, 'hash-wasm', { '64B': [2.5, 3], '64KiB': [1.3, 1.5], '1MiB': [1.3, 1.5] }),
    ...goals(JS, '@noble/hashes', { '1KiB': [1.6, 1.8], '64KiB': [1.6, 1.8], '1MiB': [1.6, 1.8] }),
    ...goals(WASM, 'crypto.subtle', { '64B': 40, '1KiB': 12 }),
  ],
  'text-key': [
    ...goals(AUTO, HASH, { text: [0.9, 1] }),
    ...goals(AUTO, CREATE_HASH, { text: [1.8, 2.2] }),
  ],
  uuidv5: goals(AUTO, 'uuid', { url: 5 }),
  keyof: [
    ...goals(AUTO, BEST_PEER, {
      'small-chat': [1.7, 2],
      'agent-turn': [2.2, 3],
      'tool-schemas': [2.8, 4],
      cjk: [1.9, 2.5],
      audio: [6, 7],
      rows: [3, 4],
      [MEAN]: [2.8, 3.5],
    }),
    ...goals(AUTO, STRINGIFY, {
      'agent-turn': [1, 1.3],
      'tool-schemas': [1.1, 1.5],
      rows: [1.3, 1.6],
      'member-map': [0.8, 1],
    }),
    ...goals(WASM, BEST_PEER, { [MEAN]: [1.6, 2] }),
  ],
  json: [
    ...goals(AUTO, BEST_PEER, { [MEAN]: [6.5, 8] }),
    ...goals(WASM, BEST_PEER, { [MEAN]: [3, 3.5] }),
  ],
  batch: [
    ...goals(WASM, 'hash-wasm', { lanes: [1.85, 2.2], large: 2.3, 'mid-texts': 2.5 }),
    ...goals(AUTO, HASH, { 'short-texts': [1.3, 1.5], 'short-bytes': [1.3, 1.5] }),
  ],
  'batch-json': goals(WASM, BEST_PEER, { mixed: 3 }),
  streams: goals('samekey wasm, at once', 'samekey wasm, in turn', { streams: 1.5 }),
};

/** By import, see `groups/bundle.mjs`. @type {Record<string, number>} */
export const GZIPPED_BYTES = { 'digests, keys of bytes, UUIDs': 12_000, everything: 30_000 };

/**
 * @param {any} result a group's result
 * @returns {Target[]}
 */
export function targetsOf(result) {
  switch (result.group) {
    case 'pool':
      return result.runs
        .filter((/** @type {any} */ { threads }) => threads === 2)
        .map((/** @type {any} */ { overNone }) =>
          target(`pool of 2 threads over no pool, ${result.mib} MiB`, '≥', 1.5, overNone),
        );
    case 'stream':
      return result.runs.map((/** @type {any} */ { engine, rssGrowthMiB }) =>
        target(`${result.gib} GiB stream, ${engine}: memory`, '<', 32, rssGrowthMiB, 'MiB'),
      );
    case 'startup':
      return [target('import plus first key', '≤', 12, result.overEmptyMs[AUTO], 'ms')];
    case 'runtimes':
      return result.runtimes.flatMap(runtimeTargets);
    case 'bundle':
      return result.imports.flatMap((/** @type {any} */ { name, gzippedBytes }) => {
        const wanted = GZIPPED_BYTES[name];
        return wanted === undefined
          ? []
          : [target(`minified and gzipped: ${name}`, '≤', wanted, gzippedBytes, 'bytes')];
      });
    default:
      return ratioTargets(result);
  }
}

/**
 * @param {any} result of a timed group
 * @returns {Target[]}
 */
function ratioTargets({ group, title, cells, ratios }) {
  return (GOALS[group] ?? []).flatMap(({ of, over, cell, wanted, ambition }) => {
    const found = ratios.find((/** @type {any} */ each) => each.of === of && each.over === over);
    const reached = cell === MEAN ? found?.mean : found?.byCell[cell];
    // Results of an earlier version do not have every cell.
    if (reached === undefined) return [];
    const timed = cells.find((/** @type {any} */ { id }) => id === cell);
    const other = over === BEST_PEER && timed ? timed.bestPeer : over;
    const [kind] = title.split(':');
    const where = timed ? timed.label : 'geometric mean';
    return [
      { ...target(`${kind}, ${where}: ${of} over ${other}`, '≥', wanted, reached), ambition },
    ];
  });
}

/** The contenders over which samekey is measured on each runtime, where they run. */
export const RUNTIME_GOALS = [
  { over: 'crypto.subtle', wanted: 10, upTo: 1024 },
  { over: 'hash-wasm', wanted: 1.1 },
  { over: '@noble/hashes', wanted: 2, from: 1024 },
];

/**
 * @param {any} runtime
 * @returns {Target[]}
 */
function runtimeTargets({ name, cells, ratios, firstKeyMs, parsedKeyMs }) {
  const targets = RUNTIME_GOALS.flatMap(
    ({ over, wanted, from = 0, upTo = Number.POSITIVE_INFINITY }) => {
      const ratio = ratios.find((/** @type {any} */ each) => each.over === over);
      return cells
        .filter((/** @type {any} */ { bytes }) => ratio && bytes >= from && bytes <= upTo)
        .map((/** @type {any} */ { id, label }) =>
          target(`${name}: samekey over ${over}, ${label}`, '≥', wanted, ratio.byCell[id]),
        );
    },
  );
  // The clock of workerd ticks in milliseconds, so its figures only have a mean.
  const ms = name === 'workerd' ? firstKeyMs.mean : firstKeyMs.median;
  return [
    ...targets,
    target(`${name}: import plus first key`, '≤', 5, ms, 'ms'),
    ...(parsedKeyMs
      ? [target(`${name}: the same with parsing`, '≤', 5, parsedKeyMs.median, 'ms')]
      : []),
  ];
}

/**
 * @param {string} what
 * @param {Target['relation']} relation
 * @param {number} wanted
 * @param {number} reached
 * @param {string} [unit]
 * @returns {Target}
 */
export function target(what, relation, wanted, reached, unit = '×') {
  const met = {
    '≥': reached >= wanted,
    '>': reached > wanted,
    '≤': reached <= wanted,
    '<': reached < wanted,
  }[relation];
  return { what, relation, wanted, reached, unit, met };
}
