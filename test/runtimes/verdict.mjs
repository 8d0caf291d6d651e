/** Compares the result of a row with its expectation. */

import { storeConformance } from '../../dist/store/conformance.js';
import { memoryStore } from '../../dist/store/memory.js';
import { ISOLATE_CHECKS } from './isolates.mjs';
import { REQUEST_CHECKS } from './program/requests.mjs';
import { CHECKS } from './program/vectors.mjs';
import { SERVER_CHECKS } from './serving.mjs';

/**
 * @typedef {{passed: number, total: number}} Count
 *
 * @typedef {object} Verdict
 * @property {string} version
 * @property {string} engine the choice of `auto`, in words
 * @property {string} expectedEngine
 * @property {number} passed
 * @property {number} total
 * @property {number} [cspReports]
 * @property {Count} [fetch] if it sent requests
 * @property {Count} [server] if it was a server
 * @property {Count} [once] if several isolates ran it
 * @property {Count} [sqlite] if it has SQLite, each case once for each driver
 * @property {number} ms
 * @property {string[]} faults
 */

/** @param {{small: string, large: string, canonicalizer: string}} active */
const inWords = ({ small, large, canonicalizer }) =>
  [
    small,
    ...(large === small ? [] : [`${large} for large content`]),
    ...(canonicalizer === small ? [] : [`canonical JSON by ${canonicalizer}`]),
  ].join(', ');

/** @param {readonly string[]} drivers */
function sqliteCases(drivers) {
  const cases = storeConformance({ open: () => memoryStore() });
  return Object.fromEntries(
    drivers.flatMap((driver) => cases.map(({ name }) => [`${driver}: ${name}`, true])),
  );
}

/**
 * @param {import('./rows/row.mjs').Row} row
 * @param {import('./rows/row.mjs').Outcome | Error} outcome
 * @param {Record<string, any>} vectors
 * @returns {Verdict}
 */
export function judge(row, outcome, vectors) {
  const { expected, cspReports: [least, most] = [0, 0] } = row;
  const expectedEngine = inWords(expected.active);
  if (outcome instanceof Error) {
    const { stderr = '' } = /** @type {Error & {stderr?: string}} */ (outcome);
    const faults = [`${outcome.message.slice(0, 2000)} ${stderr.slice(-2000)}`.trim()];
    return { version: '', engine: 'none', expectedEngine, passed: 0, total: 0, ms: 0, faults };
  }
  const { result, version = result.agent.replace(/^.* /, ''), cspReports } = outcome;
  /** @type {string[]} */
  const faults = [...result.failures];
  const expect = (/** @type {boolean} */ holds, /** @type {string} */ fault) => {
    if (!holds) faults.push(fault);
  };

  const engine = inWords(result.active);
  expect(engine === expectedEngine, `the engine is ${engine}, wanted ${expectedEngine}`);
  const [listed, wanted] = [result.engines.join(), expected.engines.join()];
  expect(listed === wanted, `the engines are ${listed}, wanted ${wanted}`);

  let passed = 0;
  let total = 0;
  for (const [file, lists] of Object.entries(CHECKS)) {
    // Counted here and not in the program: a program that skips a file must not pass.
    const count =
      expected.engines.length *
      Object.keys(lists).reduce((sum, list) => sum + vectors[file][list].length, 0);
    const tally = result.files[file] ?? { passed: 0, failed: 0 };
    expect(tally.passed === count, `${file}: ${tally.passed} passed, wanted ${count}`);
    passed += tally.passed;
    total += count;
  }
  for (const file of Object.keys(vectors)) {
    expect(file in CHECKS, `${file} is run by nothing`);
  }
  for (const part of /** @type {const} */ (['streams', 'batches', 'absentRefused'])) {
    expect(result[part], `${part} is ${result[part]}, wanted true`);
  }
  if (cspReports !== undefined) {
    expect(
      cspReports >= least && cspReports <= most,
      `${cspReports} reports of a blocked attempt, wanted ${least} to ${most}`,
    );
  }
  const counted = (
    /** @type {string} */ name,
    /** @type {Record<string, unknown>} */ checks,
    /** @type {import('./program/asking.mjs').Requests | undefined} */ given,
  ) => {
    faults.push(...(given?.failures ?? []));
    const names = Object.keys(checks);
    const missed = names.filter((each) => !given?.passed.includes(each));
    expect(missed.length === 0, `${name} did not pass: ${missed.join('; ')}`);
    return { passed: names.length - missed.length, total: names.length };
  };
  const fetch = row.requests && counted('fetch', REQUEST_CHECKS, outcome.fetched);
  const server = row.serves ? counted('server', SERVER_CHECKS, outcome.served) : undefined;
  const sqlite = row.sqlite && counted('SQLite', sqliteCases(row.sqlite), outcome.stored);
  const once = row.isolates ? counted('once', ISOLATE_CHECKS, outcome.isolated) : undefined;
  return {
    version,
    engine,
    expectedEngine,
    passed,
    total,
    ...(cspReports !== undefined && { cspReports }),
    ...(fetch && { fetch }),
    ...(server && { server }),
    ...(once && { once }),
    ...(sqlite && { sqlite }),
    ms: result.ms,
    faults,
  };
}
