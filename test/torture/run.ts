/**
 * Runs the rows of `rows.ts` one after another and prints the results.
 *
 *     npm run torture -- [--minutes N] [--only NAME] [--seed N] [--history FILE] [--results]
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Results, type RowSummary, renderGuarantees } from './guarantees.js';
import { ROWS } from './rows.js';
import { type Row, type RowResult, torture } from './torture.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    /** Rows whose name contains this. */
    only: { type: 'string', default: '' },
    seed: { type: 'string' },
    /** The file for the history of the last row. */
    history: { type: 'string' },
    /** Writes results.json and docs/guarantees.md. With `--only` the other rows are kept. */
    results: { type: 'boolean', default: false },
  },
});

// The same path from `test/torture/` and from `build/torture/`, the folder of the bundle.
const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const RESULTS = at('test/torture/results.json');

const rows = ROWS.filter(({ name }) => name.includes(values.only));
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
/** The time for starting servers and processes, the last answers, and the audit. */
const REST_SECONDS = 12;
const seconds = Math.max(3, (Number(values.minutes) * 60) / rows.length - REST_SECONDS);
console.log(`${rows.length} rows, ${seconds.toFixed(0)} s of faults each, seed ${seed}`);

const summaries = new Map<string, RowSummary>();
let isBroken = false;
for (const row of rows) {
  const missing = row.missing?.();
  if (missing !== undefined) {
    console.log(`${row.name}: did not run: ${missing}`);
    summaries.set(row.name, { ...emptySummary(), ...named(row), missing });
    continue;
  }
  try {
    const result = await torture(row, { seconds, seed, onHistory: keepHistory });
    summaries.set(row.name, summaryOf(row, result));
    print(result);
    isBroken ||= result.broken.length > 0;
  } catch (error) {
    console.log(`${row.name}: failed:`, error);
    isBroken = true;
  }
  if (values.results) writeResults();
}
process.exitCode = isBroken ? 1 : 0;

function keepHistory(events: readonly object[]) {
  if (values.history === undefined) return;
  writeFileSync(values.history, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

function print({ name, verdict, broken, per1000, kills, faults }: RowResult) {
  const { keys, operations, runs, takenOver, unkept, seen } = verdict;
  console.log(
    `${name}: ${operations} calls, ${keys} keys, ${runs} runs, ${kills} kills, ${faults} faults`,
  );
  const counts = Object.entries(per1000).filter(([, count]) => count > 0);
  console.log(`  of 1000 keys: ${JSON.stringify(Object.fromEntries(counts))}`);
  const more = { takenOver: takenOver.length, unkept: unkept.length, ...seen };
  console.log(`  seen: ${JSON.stringify(more)}`);
  for (const violation of broken) {
    console.log(
      `  MUST NOT BE: ${violation}: ${verdict.violations[violation].slice(0, 3).join(' ')}`,
    );
  }
}

function named({ name, store, fault, unless, isUnsupported }: Row) {
  const promise = {
    ...(unless !== undefined && { unless }),
    ...(isUnsupported && { isUnsupported }),
  };
  return { name, store, fault, ...promise };
}

function emptySummary() {
  const none = { seconds: 0, processes: 0, kills: 0, faults: 0, keys: 0, operations: 0, runs: 0 };
  const violations = {} as RowSummary['violations'];
  return { ...none, violations, ranTwice: 0, takenOver: 0, unkept: 0, seen: {} };
}

function summaryOf(row: Row, { verdict, seconds, workers, kills, faults }: RowResult): RowSummary {
  const { violations, keys, operations, runs, takenOver, unkept, seen } = verdict;
  const { overlap, rerun, lost, heldRerun } = violations;
  return {
    ...named(row),
    ...{ seconds: Math.round(seconds), processes: workers, kills, faults, keys, operations, runs },
    violations: Object.fromEntries(
      Object.entries(violations).map(([name, list]) => [name, list.length]),
    ) as RowSummary['violations'],
    ranTwice: new Set([...overlap, ...rerun, ...lost, ...heldRerun]).size,
    ...{ takenOver: takenOver.length, unkept: unkept.length, seen },
  };
}

function writeResults() {
  const old: Results | undefined = existsSync(RESULTS)
    ? JSON.parse(readFileSync(RESULTS, 'utf8'))
    : undefined;
  const version = (command: string, ...args: string[]) => {
    try {
      return /\d+(\.\d+)+/.exec(execFileSync(command, args, { encoding: 'utf8' }))?.[0];
    } catch {
      return 'none';
    }
  };
  const model = cpus()[0]?.model ?? 'unknown processor';
  const results: Results = {
    machine: `${cpus().length} cores of ${model}, Node ${process.versions.node}`,
    versions: `Redis ${version('redis-server', '--version')}, PostgreSQL ${version('psql', '--version')}, MariaDB ${version('mariadbd', '--version')}, PgBouncer ${version('pgbouncer', '--version')}`,
    date: new Date().toISOString().slice(0, 10),
    seed,
    rows: ROWS.flatMap(
      ({ name }) => summaries.get(name) ?? old?.rows.find((row) => row.name === name) ?? [],
    ),
  };
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(at('docs/guarantees.md'), renderGuarantees(results));
}
