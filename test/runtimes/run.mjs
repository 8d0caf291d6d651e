/**
 * The runtime matrix: `npm run test:runtimes [-- --only 'chromium|deno']`.
 *
 * Packs the tarball, installs it into a temporary project and runs one program on every runtime.
 * Prints the name of each runtime that is not installed; with CI=true that is a failure. A full run
 * that passes writes `results.json`, except with CI=true, where the checkout stays unchanged.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createProject, readVectors, remove } from './project.mjs';
import { browsers } from './rows/browsers.mjs';
import { bundlers } from './rows/bundlers.mjs';
import { damaged } from './rows/damaged.mjs';
import { edgeRuntimes } from './rows/edge-runtime.mjs';
import { processes } from './rows/processes.mjs';
import { workers } from './rows/workerd.mjs';
import { startUpstream } from './upstream.mjs';
import { judge } from './verdict.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only === undefined ? undefined : new RegExp(values.only, 'i');
const inCi = process.env.CI === 'true';

/** @type {import('./rows/row.mjs').Group[]} */
const groups = [...processes, ...bundlers, ...workers, ...edgeRuntimes, ...browsers, ...damaged]
  .map((group) => ({ ...group, rows: group.rows.filter(({ name }) => only?.test(name) ?? true) }))
  .filter(({ rows }) => rows.length > 0);

const vectors = readVectors();
const project = createProject();
const { close, ...upstream } = await startUpstream();
project.write('upstream.mjs', `export default ${JSON.stringify(upstream)};\n`);
/** @type {Map<string, ReturnType<typeof judge>>} */
const verdicts = new Map();
/** @type {string[]} */
const notRun = [];

/**
 * @param {import('./rows/row.mjs').Row} row
 * @param {import('./rows/row.mjs').Outcome | Error} outcome
 */
function report(row, outcome) {
  const verdict = judge(row, outcome, vectors);
  verdicts.set(row.name, verdict);
  const { faults, version, engine, passed, total, cspReports, fetch, server, once, sqlite, ms } =
    verdict;
  const blocked = cspReports === undefined ? '' : `, ${cspReports} blocked`;
  const asked = Object.entries({ fetch, server, once, SQLite: sqlite })
    .map(([name, part]) => part && `, ${name} ${part.passed} of ${part.total}`)
    .join('');
  if (faults.length === 0) {
    console.log(
      `ok      ${row.name}: ${version}, ${engine}, ${passed} of ${total}${blocked}${asked}, ${ms} ms`,
    );
  } else {
    console.log(`failed  ${row.name}: ${faults.join('\n        ')}`);
  }
}

try {
  for (const group of groups) {
    const why = group.missing?.();
    if (why !== undefined) {
      for (const { name } of group.rows) notRun.push(`not run: ${name}: ${why}`);
      continue;
    }
    /** @type {unknown} */
    let error;
    await group.run(project, report, upstream).catch((thrown) => {
      error = thrown;
    });
    for (const row of group.rows.filter(({ name }) => !verdicts.has(name))) {
      report(row, error instanceof Error ? error : new Error(String(error ?? 'it gave no answer')));
    }
  }
} finally {
  remove(project);
  close();
}

for (const line of notRun) console.log(line);
const failed = [...verdicts].filter(([, { faults }]) => faults.length > 0);
console.log(
  `${verdicts.size - failed.length} rows passed, ${failed.length} failed, ${notRun.length} not run`,
);
if (failed.length > 0 || (inCi && notRun.length > 0)) process.exitCode = 1;
else if (only === undefined && !inCi && notRun.length === 0) {
  const rows = [...verdicts].map(([name, { faults, ...verdict }]) => ({ name, ...verdict }));
  writeFileSync(
    new URL('results.json', import.meta.url),
    `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), rows }, undefined, 2)}\n`,
  );
}
