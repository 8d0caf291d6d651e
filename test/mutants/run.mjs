/**
 * Mutation testing: `npm run mutants -- FOLDER [--sample N]`. Stryker changes the source in one place
 * (a mutant), and runs the tests that reach the place. A mutant that no test notices has survived: a
 * test is missing, the code does nothing, or the change cannot be noticed.
 *
 * Code that runs only while a file is loaded, such as a constant, is not mutated without `--static`: each of
 * those mutants needs all tests of the folder.
 *
 * `--sample 8` takes the mutants of every eighth line, `--seed TEXT` other ones, and `--only FILE,FILE`
 * those of these files. `--tests PART,PART` runs only the tests whose name has one of these parts: where a
 * few tests take most of the time, the others show sooner what they miss. The survivors stand in build/mutants/FOLDER/survivors.txt.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { folders } from './folders.mjs';
import { NOT_SAMPLED } from './sample.mjs';
import { described } from './survivors-live.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Stryker needs Node.js 22 or later, and Node.js 24 runs nothing of `lazy-request.ts`. */
const NODE = join(ROOT, 'test/runtimes/node_modules/node-22/bin/node');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string', default: '1' },
    seed: { type: 'string', default: '' },
    only: { type: 'string' },
    tests: { type: 'string', default: '' },
    concurrency: { type: 'string', default: '2' },
    static: { type: 'boolean', default: false },
  },
});
const [folder = ''] = positionals;
if (!Object.hasOwn(folders, folder)) {
  console.error(`Cannot mutate "${folder}": wanted one of ${Object.keys(folders).join(', ')}`);
  process.exit(2);
}
for (const name of ['sample', 'concurrency']) {
  if (/^[1-9]\d*$/.test(values[name])) continue;
  console.error(`Cannot use --${name} ${values[name]}: wanted a whole number from 1`);
  process.exit(2);
}
if (!existsSync(NODE)) {
  console.error('Node 22 is missing: npm ci --prefix test/runtimes --ignore-scripts');
  process.exit(2);
}

const { mutate } = folders[folder];
const named = values.tests.split(',');
const tests = folders[folder].tests.filter((file) => named.some((part) => file.includes(part)));
const out = join(ROOT, 'build/mutants', folder);
const report = join(out, 'report.json');
const config = join(out, 'stryker.json');
const survivorsFile = join(out, 'survivors.txt');
mkdirSync(out, { recursive: true });
writeFileSync(survivorsFile, '');
writeFileSync(
  config,
  JSON.stringify({
    mutate: values.only === undefined ? mutate : values.only.split(','),
    testRunner: 'vitest',
    vitest: { configFile: relative(ROOT, join(HERE, 'vitest.config.mjs')), related: false },
    coverageAnalysis: 'perTest',
    ignoreStatic: !values.static,
    concurrency: Number(values.concurrency),
    // A busy machine is slow, and a mutant that is only slow must not count as one that hangs.
    timeoutMS: 10_000,
    timeoutFactor: 3,
    dryRunTimeoutMinutes: 30,
    plugins: ['@stryker-mutator/*', join(HERE, 'sample.mjs'), join(HERE, 'survivors-live.mjs')],
    ignorers: ['sample'],
    // Both need the interface of TypeScript before 7, and Vitest reads no types.
    tsconfigFile: 'none',
    disableTypeChecks: false,
    // Some tests read the documentation, and some start processes, which run dist/.
    ignorePatterns: ['**', '!{src,test,docs,examples,dist}/**', '!*.{json,md}', '**/node_modules'],
    tempDirName: relative(ROOT, join(out, 'sandbox')),
    reporters: ['progress-append-only', 'json', 'survivors-live'],
    jsonReporter: { fileName: relative(ROOT, report) },
    logLevel: 'warn',
    allowConsoleColors: false,
  }),
);
const { status } = spawnSync(
  NODE,
  [join(HERE, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', config],
  {
    cwd: ROOT,
    env: {
      ...process.env,
      MUTANTS_ONE_IN: values.sample,
      MUTANTS_SEED: values.seed,
      MUTANTS_TESTS: tests.join(','),
      MUTANTS_SURVIVORS: survivorsFile,
      // The same random inputs for every mutant.
      SAMEKEY_TEST_SEED: process.env.SAMEKEY_TEST_SEED ?? '1',
    },
    stdio: 'inherit',
  },
);
if (status !== 0) process.exit(status ?? 1);

const { files } = JSON.parse(readFileSync(report, 'utf8'));
const all = Object.entries(files)
  .flatMap(([file, { mutants }]) => mutants.map((mutant) => ({ ...mutant, file })))
  .filter(({ statusReason }) => statusReason !== NOT_SAMPLED);
const mutants = all.filter(
  ({ status, static: isStatic }) => status !== 'Ignored' && (values.static || !isStatic),
);
const of = (...states) => mutants.filter(({ status }) => states.includes(status));

const survivors = of('Survived', 'NoCoverage').map((mutant) =>
  described({ ...mutant, fileName: mutant.file }, files[mutant.file].source),
);
writeFileSync(survivorsFile, `${survivors.join('\n')}\n`);
for (const survivor of survivors) console.log(survivor);

const killed = of('Killed', 'RuntimeError', 'CompileError').length;
const timedOut = of('Timeout').length;
const score = ((100 * (killed + timedOut)) / mutants.length).toFixed(1);
console.log(`
${values.sample === '1' ? 'all lines' : `1 line in ${values.sample}`} of ${folder}
mutants       ${mutants.length}
killed        ${killed}
timed out     ${timedOut}
survived      ${of('Survived').length}
no coverage   ${of('NoCoverage').length}
constants     ${all.length - mutants.length} (not mutated, see --static)
score         ${score} %
survivors in ${relative(ROOT, survivorsFile)}`);
