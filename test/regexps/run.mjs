/**
 * Checks every regular expression of src/ and examples/, twice: `recheck` decides from the pattern
 * whether a text exists that takes more than linear time, and growth.mjs counts the steps of texts that
 * are made to be slow. Prints each expression that fails, and exits with 1.
 */
import { join } from 'node:path';
import { checkSync } from 'recheck';
import { ROOT, regexpsIn } from './collect.mjs';
import { worstGrowth } from './growth.mjs';

/** Twice the text may take twice the steps, and a little more for the beginning. */
const MOST_GROWTH = 2.2;

/** These must fail, or the check proves nothing. */
const PLANTED = ['\\/+$', '^(a+)+$', '^(?:\\d+\\.?\\d*|\\.\\d+)$'];

// No time limits: on a busy machine a match that is only slow would count as an attack. Repetitions up to 300
// are unrolled, so that a pattern such as [0-9a-f]{64} is decided, too.
const PARAMETERS = {
  timeout: null,
  attackTimeout: null,
  incubationTimeout: null,
  seedingTimeout: null,
  maxRepeatCount: 300,
};

function faultsOf(source, flags) {
  const faults = [];
  const { status, complexity, checker, error } = checkSync(source, flags, PARAMETERS);
  if (status !== 'safe') faults.push(complexity?.summary ?? `${status}: ${JSON.stringify(error)}`);
  const { ratio, text } = worstGrowth(source, flags);
  if (ratio > MOST_GROWTH) faults.push(`${ratio.toFixed(1)} times the steps for twice ${text}`);
  return { faults, isProven: checker === 'automaton', ratio };
}

let failures = 0;
for (const source of PLANTED) {
  const { faults } = faultsOf(source, '');
  if (faults.length === 2) continue;
  console.log(`/${source}/ is planted, and was not found twice: ${faults}`);
  failures++;
}

const found = regexpsIn([join(ROOT, 'src'), join(ROOT, 'examples')]);
const literals = found.filter(({ isLiteral }) => isLiteral);
const answers = new Map();
for (const { file, line, source, flags } of literals) {
  const literal = `/${source}/${flags}`;
  if (!answers.has(literal)) answers.set(literal, faultsOf(source, flags));
  for (const fault of answers.get(literal).faults) {
    console.log(`${file}:${line}: ${literal}: ${fault}`);
    failures++;
  }
}
for (const { file, line, source } of found.filter(({ isLiteral }) => !isLiteral)) {
  console.log(`${file}:${line}: not checked, made at run time: ${source}`);
}
const all = [...answers.values()];
console.log(
  `${literals.length} regular expressions, ${all.length} different: ${all.filter(({ isProven }) => isProven).length} proven linear by an automaton, ${all.filter(({ isProven }) => !isProven).length} fuzzed; largest growth of the steps for twice the text: ${Math.max(...all.map(({ ratio }) => ratio)).toFixed(2)}; ${failures} failed`,
);
process.exitCode = failures > 0 || literals.length < 100 ? 1 : 0;
