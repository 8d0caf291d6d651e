/**
 * Runs the simulator: `npm run simulate -- --seeds 1000000`. The code under test and the simulation
 * are bundled from their sources, so that a test can change one line and check that an invariant
 * notices.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * Bundles the simulator into `folder` and returns the path of the bundle. `change` replaces one
 * text of one source file, which must occur exactly once.
 */
export async function bundleSimulator(folder, change) {
  const outfile = join(folder, `${change?.name.replaceAll(/\W+/g, '-') ?? 'unchanged'}.mjs`);
  let isChanged = change === undefined;
  const plugin = {
    name: 'change one text',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const source = readFileSync(path, 'utf8');
        if (
          change === undefined ||
          !path.endsWith(`${sep}src${sep}${change.file.replaceAll('/', sep)}`)
        ) {
          return { contents: source, loader: 'ts' };
        }
        const parts = source.split(change.from);
        if (parts.length !== 2) {
          throw new Error(
            `Cannot change ${change.file} for "${change.name}": the text is there ${parts.length - 1} times, wanted once`,
          );
        }
        isChanged = true;
        return { contents: parts.join(change.to), loader: 'ts' };
      });
    },
  };
  await build({
    entryPoints: [join(HERE, 'worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'silent',
    sourcemap: 'inline',
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(import.meta.url)});`,
    },
    plugins: [plugin],
  });
  if (!isChanged)
    throw new Error(`Cannot change ${change.file} for "${change.name}": it is not in the bundle`);
  return outfile;
}

/** Runs tasks in the given number of threads and returns their results in order. */
export async function runTasks(bundle, tasks, threadCount = availableParallelism()) {
  const results = new Array(tasks.length);
  let next = 0;
  const work = async () => {
    const worker = new Worker(pathToFileURL(bundle));
    const run = (task) =>
      new Promise((resolve, reject) => {
        worker.removeAllListeners();
        worker.once('message', ({ result, error }) =>
          error === undefined ? resolve(result) : reject(new Error(error)),
        );
        worker.once('error', reject);
        worker.once('exit', () => reject(new Error('The simulation ended without a result')));
        worker.postMessage(task);
      });
    try {
      while (next < tasks.length) {
        const at = next++;
        results[at] = await run(tasks[at]);
      }
    } finally {
      worker.removeAllListeners();
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threadCount, tasks.length) }, work));
  return results;
}

/** Runs one task in its own thread and returns the result. */
export const runTask = async (bundle, task) => (await runTasks(bundle, [task], 1))[0];

/** Combines the results of several tasks. */
export function merge(results) {
  const violations = new Map();
  const sum = { scheduleCount: 0, actionCount: 0, stateCount: 0 };
  for (const result of results) {
    for (const name of Object.keys(sum)) sum[name] += result[name];
    for (const found of result.violations) {
      const id = `${found.invariant} / ${found.configuration}`;
      const known = violations.get(id);
      const isShorter = known === undefined || found.deviationCount < known.deviationCount;
      violations.set(id, {
        ...(isShorter ? found : known),
        count: found.count + (known?.count ?? 0),
      });
    }
  }
  return { ...sum, violations: [...violations.values()] };
}

export const show = ({ invariant, text, schedule, count }) =>
  `${invariant}: ${text}\n    --replay '${schedule}'\n    and ${count - 1} more`;

const SEEDS_PER_TASK = 2000;
/** The limit of printed violations: one mistake is found in many configurations. */
const MOST_SHOWN = 20;

async function main() {
  const { values } = parseArgs({
    options: {
      deviations: { type: 'string' },
      seeds: { type: 'string' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      only: { type: 'string', default: '' },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'samekey-simulation-'));
  try {
    const bundle = await bundleSimulator(folder);
    if (values.replay !== undefined || values.seed !== undefined) {
      const task =
        values.replay === undefined
          ? { does: 'seed', seed: Number(values.seed), only: values.only }
          : { does: 'replay', schedule: values.replay };
      const { log, violation, schedule } = await runTask(bundle, task);
      console.log(log.join('\n'));
      console.log(
        `\n${violation ? `${violation.invariant}: ${violation.text}` : 'nothing is violated'}\n--replay '${schedule}'`,
      );
      process.exitCode = violation ? 1 : 0;
      return;
    }
    const names = await runTask(bundle, { does: 'list', only: values.only });
    const tasks = [];
    if (values.seeds !== undefined) {
      const count = Number(values.seeds);
      for (let from = 0; from < count; from += SEEDS_PER_TASK) {
        tasks.push({
          does: 'seeds',
          from,
          to: Math.min(count, from + SEEDS_PER_TASK),
          only: values.only,
        });
      }
    }
    if (values.deviations !== undefined || values.seeds === undefined) {
      const most = Number(values.deviations ?? 1);
      for (const name of names) tasks.push({ does: 'explore', name, most });
    }
    const startedAt = performance.now();
    const { violations, ...sum } = merge(await runTasks(bundle, tasks, Number(values.threads)));
    violations.sort((a, b) => a.deviationCount - b.deviationCount);
    for (const found of violations.slice(0, MOST_SHOWN)) console.log(show(found));
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(
      `${names.length} configurations, ${sum.scheduleCount} schedules, ${sum.actionCount} actions, ${sum.stateCount} different states, ${seconds} s: ${violations.length === 0 ? 'nothing is violated' : `${violations.length} violated`}`,
    );
    process.exitCode = violations.length === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
