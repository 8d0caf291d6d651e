/**
 * Measures the SDKs: `npm run test:sdks [-- --only 'openai|cohere'] [-- --write]`.
 *
 * Runs each SDK on Node 24 against the fake provider and compares what it does with `results.json`, from
 * which `table.mjs` makes the tables of docs/sdks.md. With `--write` it writes both instead. Each SDK
 * also sends one request on Node 22 and 26: its key must be the same in every process.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import { readResults, writeTables } from './table.mjs';

const { values } = parseArgs({
  options: { only: { type: 'string' }, write: { type: 'boolean', default: false } },
});
const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));
const node = (/** @type {number} */ version) =>
  here(`../runtimes/node_modules/node-${version}/bin/node`);

/** @type {[file: string, command: string][]} */
const parts = [
  [here('node_modules'), 'npm ci --prefix test/sdks --ignore-scripts'],
  [here('../../dist'), 'npm run build'],
  ...[22, 24, 26].map(
    (version) =>
      /** @type {[string, string]} */ ([
        node(version),
        'npm ci --prefix test/runtimes --ignore-scripts',
      ]),
  ),
];
const missing = parts.find(([file]) => !existsSync(file));
if (missing !== undefined) {
  console.log(`not run: the SDKs: ${missing[0]} is missing, run \`${missing[1]}\``);
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

const run = async (/** @type {number} */ version, /** @type {string[]} */ ...parts) => {
  const { stdout } = await promisify(execFile)(node(version), [here('program.mjs'), ...parts], {
    // No SDK hangs, as its clock is not the real one.
    timeout: 120_000,
    env: { PATH: process.env.PATH },
  });
  return JSON.parse(stdout);
};
const installed = (/** @type {string} */ name) =>
  JSON.parse(readFileSync(here(`node_modules/${name}/package.json`), 'utf8'));

const { SDKS } = await import('./clients.mjs');
const only = values.only === undefined ? undefined : new RegExp(values.only, 'i');
const sdks = SDKS.filter(({ name }) => only?.test(name) ?? true);

/** @type {Map<string, Record<string, unknown>>} */
const measured = new Map();
/** @type {Map<number, Record<string, string>>} */
const keys = new Map();
/** @type {(() => Promise<void>)[]} */
const queue = [
  ...[22, 24, 26].map((version) => async () => void keys.set(version, await run(version, 'keys'))),
  ...sdks.map(
    ({ name, package: packageName, with: other, snippet, note, timed, timeout }) =>
      async () => {
        const result = await run(24, 'all', name);
        measured.set(name, {
          name,
          version: installed(packageName).version,
          with: other && `${installed(other).name} ${installed(other).version}`,
          snippet,
          note,
          timeout: timed?.option ?? timeout,
          ...result[name],
        });
        console.log(`measured ${name}`);
      },
  ),
];
const work = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await next();
};
await Promise.all(Array.from({ length: availableParallelism() }, work));

/** Whether each version of Node made the same key. */
const isKeyOfProcesses = (/** @type {string} */ name) => {
  const [first, ...others] = [22, 24, 26].map((version) => keys.get(version)?.[name]);
  return typeof first === 'string' && others.every((key) => key === first);
};
const rows = sdks.map(({ name }) => ({
  ...measured.get(name),
  name,
  isKeyOfProcesses: isKeyOfProcesses(name),
}));
// Without the members that are undefined, as the file has them.
const results = JSON.parse(JSON.stringify(rows));
if (values.write) {
  const kept = only === undefined ? [] : readResults().filter(({ name }) => !only.test(name));
  const all = [...kept, ...results];
  const sorted = SDKS.map(({ name }) => all.find((row) => row.name === name));
  writeFileSync(here('results.json'), `${JSON.stringify(sorted, undefined, 2)}\n`);
  writeTables();
} else {
  const known = readResults().filter(({ name }) => only?.test(name) ?? true);
  for (const row of results) {
    const expected = known.find(({ name }) => name === row.name);
    for (const part of new Set([...Object.keys(row), ...Object.keys(expected ?? {})])) {
      if (isDeepStrictEqual(row[part], expected?.[part])) continue;
      process.exitCode = 1;
      const [is, was] = [row[part], expected?.[part]].map((value) => JSON.stringify(value));
      console.log(`failed  ${row.name}: ${part} is ${is}, results.json has ${was}`);
    }
  }
  for (const { name } of known.filter((row) => !results.some((each) => each.name === row.name))) {
    process.exitCode = 1;
    console.log(`failed  ${name}: it is in results.json and was not measured`);
  }
  console.log(`${results.length} SDKs measured`);
}
