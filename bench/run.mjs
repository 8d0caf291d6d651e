/**
 * The benchmark: `npm run bench -- [PART …] [--only GROUP,…] [--quick] [--against PATH] [--out DIR]`.
 *
 * Checks the output of every contender, then measures it. Writes one JSON file for each group to the
 * folder of this processor in bench/results, then the tables of docs/, and prints which speed targets of
 * the project are reached. A part is all groups whose names begin with it: `once` is `once`, `once-stores` and so on. By
 * default all groups run.
 *
 * `--quick` is for development. `--against PATH` also measures the build in PATH/dist, of another clone
 * or commit. Both write nothing without `--out`, and never the pages.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { actingTargetsOf } from './acting-targets.mjs';
import { AGAINST_VARIABLE } from './build.mjs';
import { groupNames, groupsOf, loadGroup } from './groups/index.mjs';
import { folderOf, machine, versions } from './machine.mjs';
import { writePages } from './pages.mjs';
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
  firstWarmupMs: 400,
  timing: { timeMs: 50, warmupMs: 15, minSamples: 3 },
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
  const { quick, names, against, out, writesPages } = readArguments();
  if (!existsSync(new URL('../dist/index.js', import.meta.url))) {
    throw new Error('Cannot find dist/index.js: run "npm run build" first');
  }
  if (against !== undefined) {
    if (!existsSync(path.join(against, 'dist/index.js'))) {
      throw new Error(`Cannot find dist/index.js in ${against}: wanted a clone with its build`);
    }
    process.env[AGAINST_VARIABLE] = path.resolve(against);
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
  for (const name of names) {
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
    const reached = 'measures' in result ? actingTargetsOf(result) : targetsOf(result);
    targets.push(...reached);
    console.log(renderResult(result));
    if (out) write(out, name, { ...result, targets: reached });
  }
  if (writesPages && !process.exitCode) writePages();
  if (targets.length > 0) console.log(renderTargets(targets));
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
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      against: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const { quick, only, against } = values;
  const named = [...(only?.split(',') ?? []), ...positionals.flatMap(groupsOf)];
  const names = named.length > 0 ? groupNames.filter((name) => named.includes(name)) : groupNames;
  const unknown = only?.split(',').find((name) => !names.some((each) => each === name));
  if (unknown !== undefined) {
    throw new Error(`Cannot run the group "${unknown}": choose from ${groupNames.join(', ')}`);
  }
  const isPublished = !quick && against === undefined && values.out === undefined;
  const results = fileURLToPath(new URL(`results/${folderOf(machine().cpu)}`, import.meta.url));
  const out = values.out ?? (isPublished ? results : undefined);
  return { quick, names, against, out, writesPages: isPublished };
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
