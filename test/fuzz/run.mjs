/**
 * Fuzzes targets by coverage: `npm run fuzz -- TARGET|all [SECONDS]`. With the path of a file in place
 * of the seconds, it runs that input only. `--keep` then adds the inputs that reach more code to the
 * corpus of the repository.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { packed, readCorpus, targets, unpack, writeCorpus } from './corpus.mjs';
import { environmentOf } from './old-glibc.mjs';

const require = createRequire(import.meta.url);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = join(ROOT, 'build', 'fuzz');

/** Longer inputs are slower, and reach nothing more. */
const MAX_INPUT_BYTES = 4096;
/** An input that takes longer is a finding. */
const HANG_MS = 20_000;
const MAX_MB = 2048;
/** Bundled packages that read foreign bytes, too. Their coverage counts. */
const READERS = ['eventsource-parser', 'structured-headers', 'devalue'];
/** Arithmetic whose branches depend on no input. It is slow if it is counted. */
const NOT_COUNTED = ['src/engine/js/', 'src/engine/wasm/'];

/** Compiles each source that the targets use into a file of its own, so that coverage has files. */
async function compile() {
  const entryPoints = targets.map((name) => join(HERE, 'targets', `${name}.ts`));
  const shared = { platform: 'node', target: 'node20', absWorkingDir: ROOT, logLevel: 'warning' };
  const { metafile } = await build({
    ...shared,
    entryPoints,
    bundle: true,
    packages: 'external',
    write: false,
    outdir: OUT,
    metafile: true,
  });
  await build({
    ...shared,
    entryPoints: Object.keys(metafile.inputs).map((file) => join(ROOT, file)),
    format: 'cjs',
    sourcemap: 'inline',
    outbase: ROOT,
    outdir: join(OUT, 'js'),
  });
  writeFileSync(join(OUT, 'js', 'package.json'), '{ "type": "commonjs" }\n');
}

const compiled = (target) => join(OUT, 'js/test/fuzz/targets', `${target}.js`);

function jazzer(target, environment, isSync, folders, flags, logName = 'log.txt') {
  const includes = ['build/fuzz/js/src/', ...READERS.map((name) => `node_modules/${name}/`)];
  const args = [
    join(HERE, 'node_modules/@jazzer.js/core/dist/cli.js'),
    compiled(target),
    ...folders,
    ...includes.flatMap((name) => ['-i', name]),
    ...NOT_COUNTED.flatMap((name) => ['-e', name]),
    `--timeout=${HANG_MS}`,
    ...(isSync ? ['--sync'] : []),
    '--',
    `-artifact_prefix=${join(OUT, target)}/`,
    ...flags,
  ];
  const log = join(OUT, target, logName);
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', openSync(log, 'w')],
  });
  const text = readFileSync(log, 'utf8');
  return { status, log: signal === null ? text : `${text}\nended by ${signal}\n` };
}

/** Says in one line what a run has done: libFuzzer writes a line for each input that it keeps. */
function summary(log) {
  const [, edgesBefore = '?', featuresBefore = '?'] = /INITED cov: (\d+) ft: (\d+)/.exec(log) ?? [];
  const [, edges, features, corpus] = /DONE +cov: (\d+) ft: (\d+) corp: (\S+)/.exec(log) ?? [];
  const [, runs, seconds] = /Done (\d+) runs in (\d+) second/.exec(log) ?? [];
  const [, megabytes] = /peak_rss_mb: +(\d+)/.exec(log) ?? [];
  return `${runs} inputs in ${seconds} s, branches ${edgesBefore} → ${edges}, features ${featuresBefore} → ${features}, corpus ${corpus}, at most ${megabytes} MB`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: 'boolean', default: false }, seed: { type: 'string' } },
});
const [wanted = '', seconds = '60'] = positionals;
const chosen = wanted === 'all' ? targets : targets.filter((name) => name === wanted);
if (chosen.length === 0) {
  console.error(`Cannot fuzz "${wanted}": wanted "all" or one of ${targets.join(', ')}`);
  process.exit(2);
}
const isInput = existsSync(seconds);
if (!isInput && !/^[1-9]\d*$/.test(seconds)) {
  console.error(
    `Cannot fuzz for "${seconds}": wanted a number of seconds, or the path of an input`,
  );
  process.exit(2);
}
const environment = environmentOf(join(HERE, 'node_modules'), OUT);
await compile();
for (const target of chosen) {
  const { fuzz, seeds } = require(compiled(target));
  const run = jazzer.bind(undefined, target, environment, fuzz.constructor.name === 'Function');
  const own = join(OUT, target);
  const found = join(own, 'corpus');
  mkdirSync(found, { recursive: true });
  if (isInput) {
    const { status, log } = run([seconds], []);
    console.error(log);
    process.exitCode = status;
    continue;
  }
  const kept = join(own, 'kept');
  unpack([...seeds.map((seed) => Buffer.from(seed, 'latin1')), ...readCorpus(target)], kept);
  const { status, log } = run(
    [found, kept],
    [
      `-max_total_time=${seconds}`,
      `-max_len=${MAX_INPUT_BYTES}`,
      `-rss_limit_mb=${MAX_MB}`,
      '-use_value_profile=1',
      '-print_final_stats=1',
      ...(values.seed === undefined ? [] : [`-seed=${values.seed}`]),
    ],
  );
  if (status === 0) console.log(`${target}: ${summary(log)}`);
  else {
    console.error(
      log
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .join('\n'),
    );
    console.error(`${target}: a finding, see ${relative(ROOT, own)}`);
    process.exitCode = 1;
  }
  if (values.keep) keep(target, run, [found, kept]);
}

/** Replaces the corpus of the repository by the inputs that reach something that no shorter one reaches. */
function keep(target, run, folders) {
  const merged = join(OUT, target, 'merged');
  unpack([], merged);
  run([merged, ...folders], ['-merge=1', '-use_value_profile=0'], 'merge.txt');
  const inputs = packed(merged);
  const count = writeCorpus(target, inputs);
  console.log(`${target}: ${count} of ${inputs.length} inputs kept`);
}
