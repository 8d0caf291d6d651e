/**
 * Times a group cell by cell. Each contender has a fresh process, and only one process works at a time.
 * Every round takes all contenders, and the next round takes them in reverse order. So the figures of a
 * ratio are milliseconds apart, and a slow phase of the machine affects both.
 */
import { fileURLToPath } from 'node:url';
import { startChild } from './child.mjs';
import { BEST_PEER } from './groups/index.mjs';

const contenderProcess = fileURLToPath(new URL('contender-process.mjs', import.meta.url));

/**
 * @typedef {object} CellResult
 * @property {string} id
 * @property {string} label
 * @property {number} bytes
 * @property {Record<string, number>} medianNs by contender: the median of the rounds' medians
 * @property {Record<string, number[]>} roundsNs by contender
 * @property {string} [bestPeer]
 *
 * @typedef {import('./groups/index.mjs').Ratio & { byCell: Record<string, number>, mean?: number }} RatioResult
 */

/**
 * @param {string} name
 * @param {import('./groups/index.mjs').TimedGroup} group
 * @param {import('./run.mjs').Settings} settings
 */
export async function timeGroup(name, group, settings) {
  const cells = [];
  for (const cell of group.cells) cells.push(await timeCell(name, group, cell, settings));
  return {
    cells,
    ratios: group.ratios.map((ratio) => {
      const byCell = ratiosByCell(ratio, cells);
      const { meanOf } = group;
      return { ...ratio, byCell, ...(meanOf && { mean: geometricMean(meanOf, byCell) }) };
    }),
  };
}

/**
 * @param {readonly string[]} cellIds
 * @param {Record<string, number>} byCell
 * @returns {number}
 */
function geometricMean(cellIds, byCell) {
  const logs = cellIds.map((id) => Math.log(byCell[id] ?? Number.NaN));
  return Number(Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length).toFixed(3));
}

/**
 * @param {string} name
 * @param {import('./groups/index.mjs').TimedGroup} group
 * @param {import('./groups/index.mjs').Cell} cell
 * @param {import('./run.mjs').Settings} settings
 */
async function timeCell(name, group, cell, settings) {
  const { rounds, timing } = settings;
  const contenders = group.contenders.map((contender) => ({
    name: contender.name,
    ...startChild(
      `${name}, ${contender.name}`,
      contenderProcess,
      [name, contender.name, cell.id],
      ['--expose-gc'],
    ),
  }));
  try {
    await Promise.all(contenders.map(({ ask }) => ask({ check: true })));

    /** @type {Record<string, number[]>} */
    const roundsNs = Object.fromEntries(contenders.map((contender) => [contender.name, []]));
    // This round is discarded: V8 compiles in another thread and is done by its end.
    const warmUp = { timeMs: 1, warmupMs: settings.firstWarmupMs, minSamples: 1 };
    for (const contender of contenders) await contender.ask({ timing: warmUp });
    for (let round = 0; round < rounds; round++) {
      for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
        const reply = await contender.ask({ timing });
        roundsNs[contender.name]?.push(rounded(reply.medianNs));
      }
    }
    return cellResult(cell, roundsNs, group.peers);
  } finally {
    await Promise.all(contenders.map(({ stop }) => stop()));
  }
}

/**
 * @param {import('./groups/index.mjs').Cell} cell
 * @param {Record<string, number[]>} roundsNs
 * @param {readonly string[]} [peers]
 * @returns {CellResult}
 */
function cellResult(cell, roundsNs, peers) {
  const medianNs = Object.fromEntries(
    Object.entries(roundsNs).map(([contender, values]) => [contender, median(values)]),
  );
  const ns = (/** @type {string} */ peer) => medianNs[peer] ?? Number.POSITIVE_INFINITY;
  const bestPeer = peers?.toSorted((a, b) => ns(a) - ns(b))[0];
  return { ...cell, medianNs, roundsNs, ...(bestPeer && { bestPeer }) };
}

/**
 * Computes the ratio for each round, so that a slow phase of the machine cancels out.
 *
 * @param {import('./groups/index.mjs').Ratio} ratio
 * @param {CellResult[]} cells
 */
function ratiosByCell({ of, over }, cells) {
  return Object.fromEntries(
    cells.map(({ id, roundsNs, bestPeer }) => {
      const slow = roundsNs[over === BEST_PEER ? (bestPeer ?? '') : over];
      const fast = roundsNs[of];
      if (!slow || !fast) throw new Error(`Cannot compare ${of} with ${over}: not timed`);
      const ratios = fast.map((ns, round) => (slow[round] ?? Number.NaN) / ns);
      return [id, Number(median(ratios).toFixed(3))];
    }),
  );
}

/** @param {number} ns rounded to four digits: more would be noise in the committed files */
const rounded = (ns) => Number(ns.toPrecision(4));

/**
 * @param {readonly number[]} values
 * @returns {number}
 */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted[sorted.length % 2 ? middle : middle - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('Cannot take no median');
  return (upper + lower) / 2;
}
