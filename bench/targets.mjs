/** The speed samekey promises itself, judged from one run's results. */

/**
 * @typedef {object} Target
 * @property {string} what
 * @property {'≥' | '>' | '≤' | '<'} relation
 * @property {number} wanted
 * @property {number} reached
 * @property {string} unit
 * @property {boolean} met
 */

/** A time that is at most 1.3 × another's, as the ratio of speeds the results hold. */
const inverse = (/** @type {number} */ ratio) => Number((1 / ratio).toFixed(3));

/**
 * @param {any} result a group's result
 * @returns {Target[]}
 */
export function targetsOf(result) {
  const label = (/** @type {string} */ cellId) =>
    result.cells.find((/** @type {any} */ cell) => cell.id === cellId).label;
  const ratio = (
    /** @type {string} */ of,
    /** @type {string} */ over,
    /** @type {string} */ cellId,
  ) => result.ratios.find((/** @type {any} */ r) => r.of === of && r.over === over).byCell[cellId];

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
      return result.cells.map((/** @type {any} */ { id, bestPeer }) =>
        target(
          `keyOf over ${bestPeer}, ${label(id)}`,
          '≥',
          id === 'floats' ? 1 : 1.3,
          ratio('samekey auto', 'best peer', id),
        ),
      );
    case 'stream':
      return result.runs.map((/** @type {any} */ { engine, rssGrowthMiB }) =>
        target(`${result.gib} GiB stream, ${engine}: memory`, '<', 32, rssGrowthMiB, 'MiB'),
      );
    case 'startup':
      return [target('import plus first key', '≤', 5, result.overEmptyMs['samekey auto'], 'ms')];
    default:
      return result.imports.map((/** @type {any} */ { name, gzippedBytes }) =>
        target(`minified and gzipped: ${name}`, '≤', 12_000, gzippedBytes, 'bytes'),
      );
  }
}

/**
 * @param {string} what
 * @param {Target['relation']} relation
 * @param {number} wanted
 * @param {number} reached
 * @param {string} [unit]
 * @returns {Target}
 */
function target(what, relation, wanted, reached, unit = '×') {
  const met = {
    '≥': reached >= wanted,
    '>': reached > wanted,
    '≤': reached <= wanted,
    '<': reached < wanted,
  }[relation];
  return { what, relation, wanted, reached, unit, met };
}
