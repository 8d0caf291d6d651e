/**
 * The benchmark: `npm run bench [-- --quick] [-- --only engines,keyof] [-- --out DIR]`.
 *
 * Checks the output of every contender, then times it. Writes one JSON file for each group and prints
 * which speed targets of the project are reached. A quick run is for development: it writes nothing
 * without `--out`.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { groupNames, loadGroup } from './groups/index.mjs';
import { machine, versions } from './machine.mjs';
import { timeGroup } from './rounds.mjs';
import { targetsOf } from './targets.mjs';
import { renderResult, renderTargets } from './terminal.mjs';

/**
 * @typedef {object} Settings
 * @property {boolean} quick
 * @property {number} rounds
 * @property {number} firstWarmupMs of the process of a contender, before its first round
 * @property {import('./timing.mjs').Timing} timing
 */

/** @type {Settings} */
const FULL = {
  quick: false,
  rounds: 9,
  firstWarmupMs: 500,
  timing: { timeMs: 60, warmupMs: 20, minSamples: 3 },
};
/** @type {Settings} */
const QUICK = {
  quick: true,
  rounds: 3,
  firstWarmupMs: 150,
  timing: { timeMs: 30, warmupMs: 10, minSamples: 1 },
};

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

async function main() {
  const { quick, only, out } = readArguments();
  if (!existsSync(new URL('../dist/index.js', import.meta.url))) {
    throw new Error('Cannot find dist/index.js: run "npm run build" first');
  }
  const settings = quick ? QUICK : FULL;
  const where = machine();
  const what = versions();
  console.log(
    `${where.cpu}, ${where.cores} cores, ${where.arch}, ${where.os}, Node ${what.node}; ` +
      `${settings.rounds} rounds${quick ? ', quick' : ''}`,
  );

  /** @type {import('./targets.mjs').Target[]} */
  const targets = [];
  for (const name of only) {
    const group = await loadGroup(name);
    const measured = await measure(name, group, settings).catch((error) => {
      // The results of the other groups took an hour and must not be lost.
      console.error(`bench: ${name}: ${error instanceof Error ? error.message : error}`);
      process.exitCode = 1;
    });
    if (!measured) continue;
    const result = {
      group: name,
      title: group.title,
      ...('note' in group && { note: group.note }),
      date: new Date().toISOString().slice(0, 10),
      machine: where,
      versions: what,
      settings,
      ...measured,
    };
    const reached = targetsOf(result);
    targets.push(...reached);
    console.log(renderResult(result));
    if (out) write(out, name, { ...result, targets: reached });
  }
  console.log(renderTargets(targets));
}

/**
 * @param {string} name
 * @param {import('./groups/index.mjs').TimedGroup | import('./groups/index.mjs').MeasuredGroup} group
 * @param {Settings} settings
 * @returns {Promise<Record<string, unknown>>}
 */
async function measure(name, group, settings) {
  return 'contenders' in group ? timeGroup(name, group, settings) : group.measure(settings);
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const only = values.only?.split(',') ?? [...groupNames];
  const unknown = only.find(
    (name) => !(/** @type {readonly string[]} */ (groupNames).includes(name)),
  );
  if (unknown !== undefined) {
    throw new Error(`Cannot run the group "${unknown}": choose from ${groupNames.join(', ')}`);
  }
  const results = fileURLToPath(new URL('results', import.meta.url));
  return { quick: values.quick, only, out: values.out ?? (values.quick ? undefined : results) };
}

/**
 * Arrays of numbers stay on one line, so that the rounds of a contender are easy to read.
 *
 * @param {string} directory
 * @param {string} name
 * @param {Record<string, unknown>} result
 */
function write(directory, name, result) {
  const json = JSON.stringify(result, undefined, 2).replace(/\[[\d\s.,]+\]/g, (numbers) =>
    numbers.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  );
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, `${name}.json`), `${json}\n`);
}
