/** The targets of the parts that act on a key, by group and measure. */
import { OTHER_BUILD, SAMEKEY } from './build.mjs';
import { target } from './targets.mjs';

/**
 * @typedef {object} Goal
 * @property {string} id of the measure
 * @property {'≥' | '≤'} relation
 * @property {number} wanted
 * @property {string} [over] the contender over which a ratio is taken
 * @property {string} [addedTo] the contender over which samekey's surplus is taken. Default: the figure alone
 */

const PEER = '@node-idempotency/core';
const POWERTOOLS = '@aws-lambda-powertools/idempotency';
const BARE_FUNCTION = 'the bare function';
const PLAIN = 'without encryption';

/** @type {Record<string, readonly Goal[]>} */
export const ACTING_GOALS = {
  server: [
    { id: 'web-standard 200 new', wanted: 2 },
    { id: 'web-standard 200 duplicate', wanted: 1.4 },
    { id: 'fastify 200 new', wanted: 2 },
    { id: 'fastify 200 duplicate', wanted: 2 },
    { id: 'express 200 new', wanted: 1.8 },
    { id: 'express 200 duplicate', wanted: 1.3 },
    { id: 'web-standard 20000 new', wanted: 1.2 },
    { id: 'fastify 20000 new', wanted: 1.2 },
  ].map((goal) => ({ ...goal, relation: '≤', over: PEER })),
  'server-memory': [
    { id: 'web-standard allocated', relation: '≤', wanted: 40_000 },
    { id: 'fastify allocated', relation: '≤', wanted: 40_000 },
    { id: 'web-standard held', relation: '≤', wanted: 4000, addedTo: 'bare' },
    { id: 'fastify held', relation: '≤', wanted: 4000, addedTo: 'bare' },
    { id: 'followers', relation: '≤', wanted: 2.5 },
  ],
  once: [
    { id: 'first', relation: '≤', wanted: 20, addedTo: BARE_FUNCTION },
    { id: 'cached', relation: '≤', wanted: 5, addedTo: BARE_FUNCTION },
  ],
  'once-stores': [
    { id: 'Redis perSecond', relation: '≥', wanted: 1, over: POWERTOOLS },
    { id: 'Redis serverUs', relation: '≤', wanted: 1.3, over: POWERTOOLS },
  ],
  'once-encryption': [
    { id: 'Redis first', relation: '≤', wanted: 1.15, over: PLAIN },
    { id: 'memory stored', relation: '≤', wanted: 5, addedTo: PLAIN },
  ],
  fetch: [
    { id: 'call 100 KB', relation: '≤', wanted: 500, addedTo: 'fetch' },
    { id: 'call 2 KB', relation: '≤', wanted: 150, addedTo: 'fetch' },
    { id: 'replay 2 KB', relation: '≤', wanted: 40 },
    { id: 'stream', relation: '≤', wanted: 50, addedTo: 'fetch' },
  ],
};

/** With `--against`, over the other build. @type {Record<string, readonly Goal[]>} */
export const GOALS_OVER_OTHER_BUILD = {
  once: [
    { id: 'first', relation: '≤', wanted: 0.5 },
    { id: 'cached', relation: '≤', wanted: 0.5 },
  ],
  'once-stores': [
    { id: 'PostgreSQL perSecond', relation: '≥', wanted: 3 },
    { id: 'LMDB perSecond', relation: '≥', wanted: 2 },
  ],
};

/**
 * @param {any} result of a group with measures
 * @returns {import('./targets.mjs').Target[]}
 */
export function actingTargetsOf({ group, measures }) {
  const hasOther = measures.some(({ medians }) => OTHER_BUILD in medians);
  const goals = [
    ...(ACTING_GOALS[group] ?? []),
    ...(hasOther ? (GOALS_OVER_OTHER_BUILD[group] ?? []) : []).map((goal) => ({
      ...goal,
      over: OTHER_BUILD,
    })),
  ];
  return goals.flatMap((goal) => {
    // A quick run has fewer measures.
    const measure = measures.find(({ id }) => id === goal.id);
    return measure ? [targetOf(goal, measure)] : [];
  });
}

/**
 * @param {Goal} goal
 * @param {import('./paired.mjs').Measure} measure
 */
function targetOf({ relation, wanted, over, addedTo }, { what, unit, medians, ratios, added }) {
  const of = (
    /** @type {import('./paired.mjs').Comparison[]} */ list,
    /** @type {string} */ other,
  ) => list.find((each) => each.of === SAMEKEY && each.over === other)?.value ?? Number.NaN;
  if (over) return target(`${what}, over ${over}`, relation, wanted, of(ratios, over));
  if (addedTo)
    return target(`${what}, more than ${addedTo}`, relation, wanted, of(added, addedTo), unit);
  return target(what, relation, wanted, medians[SAMEKEY] ?? Number.NaN, unit);
}
