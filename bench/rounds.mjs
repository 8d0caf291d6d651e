/**
 * Times a group: a process for each contender, one of them busy at a time; every round takes all
 * cells, in each cell all contenders, and the next round takes the contenders the other way
 * around. So the figures that become a ratio are milliseconds apart, and a machine that slows
 * down for a while slows down both.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BEST_PEER } from './groups/index.mjs';
import { cleanEnvironment } from './machine.mjs';

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
 * @typedef {import('./groups/index.mjs').Ratio & { byCell: Record<string, number> }} RatioResult
 */

/**
 * @param {string} name
 * @param {import('./groups/index.mjs').TimedGroup} group
 * @param {import('./run.mjs').Settings} settings
 */
export async function timeGroup(name, group, settings) {
  const contenders = group.contenders.map((contender) => start(name, contender.name));
  try {
    await Promise.all(contenders.map(({ ask }) => ask({ check: true })));

    /** @type {Map<string, number[]>} */
    const rounds = new Map();
    for (let round = 0; round < settings.rounds; round++) {
      const order = round % 2 === 0 ? contenders : contenders.toReversed();
      for (const cell of group.cells) {
        for (const contender of order) {
          const reply = await contender.ask({ cellId: cell.id, timing: settings.timing });
          const place = `${cell.id} ${contender.name}`;
          rounds.set(place, [...(rounds.get(place) ?? []), reply.medianNs]);
        }
      }
    }

    const cells = group.cells.map((cell) => {
      const roundsNs = Object.fromEntries(
        contenders.map((c) => [c.name, (rounds.get(`${cell.id} ${c.name}`) ?? []).map(rounded)]),
      );
      return cellResult(cell, roundsNs, group.peers);
    });
    return {
      cells,
      ratios: group.ratios.map((ratio) => ({ ...ratio, byCell: ratiosByCell(ratio, cells) })),
    };
  } finally {
    for (const { stop } of contenders) stop();
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
 * Taken round by round, so that what slows the machine down for a while cancels out.
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

/**
 * @param {string} groupName
 * @param {string} name
 */
function start(groupName, name) {
  const child = fork(contenderProcess, [groupName, name], {
    execArgv: ['--expose-gc'],
    env: cleanEnvironment(),
  });
  const exited = once(child, 'exit').then(([code, signal]) => ({
    error: `${groupName}: the process of ${name} ended (${signal ?? code})`,
  }));
  return {
    name,
    /** @param {Record<string, unknown>} message */
    async ask(message) {
      const replied = once(child, 'message').then(([reply]) => reply);
      child.send(message);
      const reply = await Promise.race([replied, exited]);
      if (reply.error) throw new Error(reply.error);
      return reply;
    },
    stop: () => child.kill(),
  };
}

/** @param {number} ns four significant digits: more would be noise in the committed files */
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
