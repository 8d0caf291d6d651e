/**
 * Eight processes that share a SQLite file race for each key: `node test/runtimes/sqlite-race.mjs [driver]`.
 *
 * Prints for each driver how often the keys ran, and how many callers did not get the result of that run.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { createProject, installed, remove, versionOf } from './project.mjs';
import { openSqlite, SQLITE_IMPORTS } from './sqlite-drivers.mjs';

const PROCESSES = 8;
const KEYS = 2000;

const BUN = installed('@oven/bun-linux-x64/bin/bun');
const node = (/** @type {string} */ major) => installed(`node-${major}/bin/node`);

/** @type {readonly (readonly [driver: string, runtime: string, program: string])[]} */
const DRIVERS = [
  ['node:sqlite', `Node ${versionOf('node-22')}`, node('22')],
  ['node:sqlite', `Node ${versionOf('node-24')}`, node('24')],
  ['bun:sqlite', `Bun ${versionOf('@oven/bun-linux-x64')}`, BUN],
  ['better-sqlite3', `Node ${versionOf('node-24')}`, node('24')],
  ['libsql', `Node ${process.versions.node}`, process.execPath],
];

/** Prints a line when it is ready, begins at a line on stdin, and prints the value of each key. */
const PROCESS = (/** @type {string} */ driver, /** @type {string} */ base) => `
import { appendFileSync } from 'node:fs';
import { once as event } from 'node:events';
import { createOnce } from 'samekey/once';
${SQLITE_IMPORTS}
const store = await (${openSqlite(driver, `${base}.db`)})();
const once = createOnce({ store, cache: false, waitMs: 120_000, storeTimeoutMs: 60_000 });
console.log('ready');
await event(process.stdin, 'data');
const values = await Promise.all(
  Array.from({ length: ${KEYS} }, (_, index) =>
    once('key-' + index, async () => {
      appendFileSync('${base}.log', index + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 1));
      return process.pid + ' ' + Math.random();
    }),
  ),
);
console.log(JSON.stringify(values));
process.exit();
`;

/**
 * @param {import('./project.mjs').Project} project
 * @param {string} driver
 * @param {string} program
 * @param {string} base
 */
async function race({ directory, write }, driver, program, base) {
  const file = write(`${base}.mjs`, PROCESS(driver, base));
  const children = Array.from({ length: PROCESSES }, () =>
    spawn(program, [file], { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  const outputs = children.map(({ stdout, stderr }) => {
    /** @type {() => void} */
    let setReady;
    const ready = new Promise((resolve) => {
      setReady = () => resolve(undefined);
    });
    stdout.once('data', () => setReady());
    stdout.once('end', () => setReady());
    return { ready, whole: text(stdout), complaints: text(stderr) };
  });
  await Promise.all(outputs.map(({ ready }) => ready));
  for (const { stdin } of children) stdin.on('error', () => {}).write('go\n');
  const told = await Promise.all(
    outputs.map(async ({ whole, complaints }) => {
      const values = (await whole).trim().split('\n')[1];
      assert.ok(values, (await complaints).slice(0, 2000));
      return JSON.parse(values);
    }),
  );
  const runs = readFileSync(path.join(directory, `${base}.log`), 'utf8')
    .trim()
    .split('\n');
  const [first = []] = told;
  const lost = told.flat().filter((value, at) => value !== first[at % KEYS]).length;
  return { runs: runs.length, keys: new Set(runs).size, calls: told.flat().length, lost };
}

const only = process.argv[2];
const project = createProject();
try {
  for (const [at, [driver, runtime, program]] of DRIVERS.entries()) {
    if (only !== undefined && driver !== only) continue;
    const name = `${driver} (${runtime})`;
    if (!existsSync(program)) {
      console.log(`not run: ${name}: ${program} is not there`);
      if (process.env.CI === 'true') process.exitCode = 1;
      continue;
    }
    try {
      const { runs, keys, calls, lost } = await race(project, driver, program, `race-${at}`);
      const figures = `${calls} calls, ${runs} runs of ${keys} keys, ${lost} lost results`;
      assert.deepEqual(
        { runs, keys, calls, lost },
        { runs: KEYS, keys: KEYS, calls: PROCESSES * KEYS, lost: 0 },
      );
      console.log(`ok      ${name}: ${figures}`);
    } catch (error) {
      console.log(`failed  ${name}: ${error instanceof Error ? error.stack : error}`);
      process.exitCode = 1;
    }
  }
} finally {
  remove(project);
}
