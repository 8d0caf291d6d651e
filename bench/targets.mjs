/** The speed targets of samekey, checked against the results of one run. */
import { BEST_PEER } from './groups/index.mjs';

/**
 * @typedef {object} Target
 * @property {string} what
 * @property {'≥' | '>' | '≤' | '<'} relation
 * @property {number} wanted
 * @property {number} reached
 * @property {string} unit
 * @property {boolean} met
 */

/** From this size on a digest call is short compared with the text. Shorter requests have other targets. */
const LONG_BYTES = 1000;

/** By import, see `groups/bundle.mjs`. @type {Record<string, number>} */
const GZIPPED_BYTES = { 'digests, keys of bytes, UUIDs': 12_000, everything: 20_000 };

/** A time that is at most 1.3 × another, as a ratio of speeds. */
const inverse = (/** @type {number} */ ratio) => Number((1 / ratio).toFixed(3));

/**
 * @param {readonly number[]} values
 * @returns {number}
 */
export const geometricMean = (values) =>
  Number(Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length).toFixed(3));

/**
 * @param {any} result a group's result
 * @returns {Target[]}
 */
export function targetsOf(result) {
  const label = (/** @type {string} */ cellId) =>
    result.cells.find((/** @type {any} */ cell) => cell.id === cellId).label;
  /** @returns {Record<string, number>} */
  const ratios = (/** @type {string} */ of, /** @type {string} */ over) =>
    result.ratios.find((/** @type {any} */ r) => r.of === of && r.over === over).byCell;
  const ratio = (
    /** @type {string} */ of,
    /** @type {string} */ over,
    /** @type {string} */ cellId,
  ) => ratios(of, over)[cellId] ?? Number.NaN;
  const mean = (/** @type {string} */ of, /** @type {string} */ over) =>
    geometricMean(Object.values(ratios(of, over)));

  switch (result.group) {
    case 'engines':
      return [
        ...[
          { cellId: '64B', wanted: 2 },
          { cellId: '64KiB', wanted: 1.25 },
          { cellId: '1MiB', wanted: 1.25 },
        ].map(({ cellId, wanted }) =>
          target(
            `wasm over hash-wasm, ${label(cellId)}`,
            '≥',
            wanted,
            ratio('samekey wasm', 'hash-wasm', cellId),
          ),
        ),
        ...[
          { cellId: '64B', wanted: 40 },
          { cellId: '1KiB', wanted: 12 },
        ].map(({ cellId, wanted }) =>
          target(
            `wasm over awaited crypto.subtle, ${label(cellId)}`,
            '≥',
            wanted,
            ratio('samekey wasm', 'crypto.subtle', cellId),
          ),
        ),
        ...['1KiB', '4KiB', '64KiB', '1MiB', '16MiB'].map((cellId) =>
          target(
            `js over @noble/hashes, ${label(cellId)}`,
            '≥',
            1.15,
            ratio('samekey js', '@noble/hashes', cellId),
          ),
        ),
      ];
    case 'text-key':
      return [
        target(
          'sha256Hex of 50 characters over createHash',
          '>',
          1,
          ratio('samekey auto', 'node:crypto createHash', 'text'),
        ),
        target(
          'its time as a multiple of crypto.hash',
          '≤',
          1.3,
          inverse(ratio('samekey auto', 'node:crypto hash', 'text')),
        ),
      ];
    case 'uuidv5':
      return [target('uuidv5 over uuid', '≥', 5, ratio('samekey auto', 'uuid', 'url'))];
    case 'keyof':
      return [
        ...result.cells.flatMap((/** @type {any} */ { id, bytes, bestPeer }) => [
          target(
            `keyOf over ${bestPeer}, ${label(id)}`,
            '≥',
            bytes >= LONG_BYTES ? 1.4 : 1.25,
            ratio('samekey auto', BEST_PEER, id),
          ),
          target(
            `its time as a multiple of JSON.stringify alone, ${label(id)}`,
            '≤',
            bytes >= LONG_BYTES ? 1.25 : 1.8,
            inverse(ratio('samekey auto', 'JSON.stringify alone', id)),
          ),
        ]),
        target('keyOf over the best peer, mean', '≥', 2, mean('samekey auto', BEST_PEER)),
        target('keyOf in wasm over the best peer, mean', '≥', 1, mean('samekey wasm', BEST_PEER)),
      ];
    case 'json':
      return [
        ...result.cells.flatMap((/** @type {any} */ { id, bytes, bestPeer }) => [
          target(
            `keyOfJson over ${bestPeer}, ${label(id)}`,
            '≥',
            bytes >= LONG_BYTES ? 3 : 2,
            ratio('samekey auto', BEST_PEER, id),
          ),
          target(
            `keyOfJson in wasm over ${bestPeer}, ${label(id)}`,
            '≥',
            1,
            ratio('samekey wasm', BEST_PEER, id),
          ),
        ]),
        target('keyOfJson over the best peer, mean', '≥', 4.5, mean('samekey auto', BEST_PEER)),
        target(
          'keyOfJson in wasm over the best peer, mean',
          '≥',
          2,
          mean('samekey wasm', BEST_PEER),
        ),
      ];
    case 'batch':
      return [
        { cellId: 'short-texts', over: 'node:crypto hash', wanted: 1.2 },
        { cellId: 'short-bytes', over: 'node:crypto hash', wanted: 1.2 },
        { cellId: 'mid-texts', over: 'hash-wasm', wanted: 2.5 },
        { cellId: 'mid-bytes', over: 'hash-wasm', wanted: 2.5 },
        { cellId: 'large', over: 'hash-wasm', wanted: 2.3 },
      ].map(({ cellId, over, wanted }) =>
        target(
          `batch in wasm over ${over}, ${label(cellId)}`,
          '≥',
          wanted,
          ratio('samekey wasm', over, cellId),
        ),
      );
    case 'batch-json':
      return [
        target(
          `keysOfJson in wasm over ${result.cells[0].bestPeer}, ${label('mixed')}`,
          '≥',
          3,
          ratio('samekey wasm', BEST_PEER, 'mixed'),
        ),
      ];
    case 'streams':
      return [
        target(
          `streams in wasm at once over in turn, ${label('streams')}`,
          '≥',
          1.5,
          ratio('samekey wasm, at once', 'samekey wasm, in turn', 'streams'),
        ),
      ];
    case 'pool':
      return result.runs
        .filter((/** @type {any} */ { threads }) => threads === 2)
        .map((/** @type {any} */ { overNone }) =>
          target(`pool of 2 threads over none, ${result.mib} MiB`, '≥', 1.5, overNone),
        );
    case 'stream':
      return result.runs.map((/** @type {any} */ { engine, rssGrowthMiB }) =>
        target(`${result.gib} GiB stream, ${engine}: memory`, '<', 32, rssGrowthMiB, 'MiB'),
      );
    case 'startup':
      return [target('import plus first key', '≤', 5, result.overEmptyMs['samekey auto'], 'ms')];
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
      return [];
  }
}

/**
 * @param {any} runtime
 * @returns {Target[]}
 */
function runtimeTargets({ name, cells, ratios, firstKeyMs, parsedKeyMs }) {
  const targets = [
    { over: 'crypto.subtle', wanted: 10, upTo: 1024 },
    { over: 'hash-wasm', wanted: 1.1 },
    { over: '@noble/hashes', wanted: 2, from: 1024 },
  ].flatMap(({ over, wanted, from = 0, upTo = Number.POSITIVE_INFINITY }) => {
    const ratio = ratios.find((/** @type {any} */ each) => each.over === over);
    return cells
      .filter((/** @type {any} */ { bytes }) => ratio && bytes >= from && bytes <= upTo)
      .map((/** @type {any} */ { id, label }) =>
        target(`${name}: samekey over ${over}, ${label}`, '≥', wanted, ratio.byCell[id]),
      );
  });
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
