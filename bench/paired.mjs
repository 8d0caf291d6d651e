/**
 * Paired measurements: every round takes all contenders, and the next round takes them in reverse order.
 * A ratio or a difference is computed for each round, and its median is reported. So a slow phase of the
 * machine affects both sides.
 */
import { buildNames, OTHER_BUILD, SAMEKEY } from './build.mjs';
import { formatBytes, formatRatio, formatTime } from './format.mjs';
import { median } from './rounds.mjs';

/** A figure of each round, by contender. @typedef {Record<string, number[]>} Rounds */

/** @typedef {'µs' | 'bytes' | 'a second' | 's'} Unit */

/**
 * A row of a table.
 *
 * @typedef {object} Measure
 * @property {string} id
 * @property {string} what
 * @property {Unit} unit
 * @property {Record<string, number>} medians by contender
 * @property {Comparison[]} ratios
 * @property {Comparison[]} added by how much `of` exceeds `over`
 * @property {Rounds} rounds
 *
 * @typedef {{ of: string, over: string, value: number }} Comparison
 */

/**
 * @template {{ name: string }} Contender
 * @param {readonly Contender[]} contenders
 * @param {number} rounds
 * @param {(contender: Contender) => Promise<Record<string, number>>} measure returns figures by name
 * @returns {Promise<Record<string, Rounds>>} the rounds of each figure
 */
export async function measureInTurn(contenders, rounds, measure) {
  /** @type {Record<string, Rounds>} */
  const figures = {};
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 ? contenders.toReversed() : contenders) {
      for (const [figure, value] of Object.entries(await measure(contender))) {
        figures[figure] ??= Object.fromEntries(contenders.map(({ name }) => [name, []]));
        figures[figure][contender.name]?.push(toDigits(value));
      }
    }
  }
  return figures;
}

/**
 * @param {Pick<Measure, 'id' | 'what' | 'unit'>} head
 * @param {Rounds | undefined} rounds
 * @param {{ ratioTo?: readonly string[], addedTo?: readonly string[] }} comparisons the contenders with
 *   which samekey is compared
 * @returns {Measure}
 */
export function measureOf(head, rounds = {}, { ratioTo = [], addedTo = [] }) {
  const compare = (
    /** @type {readonly string[]} */ others,
    /** @type {(one: number, other: number) => number} */ by,
  ) =>
    buildNames()
      .filter((of) => of in rounds)
      .flatMap((of) => others.map((over) => ({ of, over, value: paired(rounds, of, over, by) })));
  const otherBuild = OTHER_BUILD in rounds ? [OTHER_BUILD] : [];
  return {
    ...head,
    medians: Object.fromEntries(
      Object.entries(rounds).map(([name, values]) => [name, toDigits(median(values))]),
    ),
    ratios: [
      ...compare(ratioTo, (one, other) => one / other),
      ...otherBuild.map((over) => ({
        of: SAMEKEY,
        over,
        value: paired(rounds, SAMEKEY, over, (one, other) => one / other),
      })),
    ],
    added: compare(addedTo, (one, other) => one - other),
    rounds,
  };
}

/**
 * @param {Rounds} rounds
 * @param {string} of
 * @param {string} over
 * @param {(one: number, other: number) => number} by
 */
function paired(rounds, of, over, by) {
  const [ones, others] = [rounds[of], rounds[over]];
  if (!ones || !others) throw new Error(`Cannot compare ${of} with ${over}: not measured`);
  return toDigits(median(ones.map((one, round) => by(one, others[round] ?? Number.NaN))));
}

/** More than four digits would be noise in the committed files. @param {number} value */
const toDigits = (value) => Number(value.toPrecision(4));

/**
 * Measures in a row that have the same columns make one table.
 *
 * @param {readonly Measure[]} measures
 * @returns {string[][][]} tables of rows; the first row is the head
 */
export function tablesOf(measures) {
  /** @type {string[][][]} */
  const tables = [];
  for (const measure of measures) {
    const { what, unit, medians, ratios, added } = measure;
    const head = [
      '',
      ...Object.keys(medians),
      ...ratios.map(({ of, over }) => `${of} over ${over}`),
      ...added.map(({ of, over }) => `${of} − ${over}`),
    ];
    const row = [
      what,
      ...Object.values(medians).map((value) => formatFigure(value, unit)),
      ...ratios.map(({ value }) => formatRatio(value)),
      ...added.map(({ value }) => formatFigure(value, unit)),
    ];
    const last = tables.at(-1);
    if (last && String(last[0]) === String(head)) last.push(row);
    else tables.push([head, row]);
  }
  return tables;
}

/**
 * @param {number} value
 * @param {Unit} unit
 */
export function formatFigure(value, unit) {
  if (unit === 'a second') return `${Math.round(value)} a second`;
  const sign = value < 0 ? '−' : '';
  const size = Math.abs(value);
  if (unit === 'bytes') return sign + formatBytes(Math.round(size));
  return sign + (unit === 's' ? `${size.toFixed(2)} s` : formatTime(size * 1e3));
}
