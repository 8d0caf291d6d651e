/**
 * A process that starts when its store has millions of records, against one with an empty store:
 *
 *     node bench/full-store/run.mjs [--records 10000000] [--runs 5000] [--out FILE] [Redis|PostgreSQL|SQLite|LMDB …]
 *
 * `--out` adds these stores to the results in that file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cleanEnvironment, machine, versions } from '../machine.mjs';
import { STORES } from './stores.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '10000000' },
    runs: { type: 'string', default: '5000' },
    out: { type: 'string' },
  },
});
const program = fileURLToPath(new URL('process.mjs', import.meta.url));

/** @type {any[]} */
const stores = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(STORES)) {
  const store = await /** @type {() => Promise<any>} */ (STORES[name])();
  try {
    stores.push(await measure(name, store));
  } finally {
    await store.stop();
  }
}
if (values.out) write(values.out);

/**
 * @param {string} name
 * @param {any} store
 */
async function measure(name, store) {
  const runs = Number(values.runs);
  // It creates the table and the record that is copied.
  start(store, 0, 0);
  const empty = start(store, 0, runs);
  print(name, 0, empty);
  const startedAt = performance.now();
  await store.fill(Number(values.records));
  const fillSeconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`${name}: filled in ${fillSeconds} s`);
  const records = await store.count();
  const full = start(store, Number(values.records), runs);
  print(name, records, full);
  // Each run adds a record, and so does the first claim.
  const deleted = records + runs + 1 - (await store.count());
  console.log(`${name}: ${deleted} expired records were deleted`);
  return {
    store: name,
    records,
    fillSeconds,
    empty,
    full,
    ...(store.keepsExpired && { deleted }),
  };
}

/** @param {string} file */
function write(file) {
  const old = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).stores : [];
  const result = {
    group: 'full-store',
    title: 'a process that starts with a full store',
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    versions: versions(),
    stores: Object.keys(STORES).flatMap((name) => {
      const found = [...stores, ...old].find((each) => each.store === name);
      return found ? [found] : [];
    }),
  };
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
}

/**
 * @param {any} store
 * @param {number} copies
 * @param {number} runs
 */
function start({ kind, at }, copies, runs) {
  const text = execFileSync(process.execPath, [program, kind, at, String(copies), String(runs)], {
    encoding: 'utf8',
    env: cleanEnvironment(),
  });
  return JSON.parse(text);
}

/**
 * @param {string} name
 * @param {number} records
 * @param {any} result
 */
function print(
  name,
  records,
  { firstMs, secondMs, rss, perSecond, cpuUs, run, replay, ranAgain, rssAfter },
) {
  const ms = (/** @type {number} */ value) => `${value.toFixed(2)} ms`;
  const mb = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(
    `${name}, ${records} records: first answer ${ms(firstMs)}, first claim ${ms(secondMs)}, memory ${mb(rss)}, later ${mb(rssAfter)}; ` +
      `${perSecond.toFixed(0)} runs/s, ${cpuUs.toFixed(0)} µs of processor, mean ${ms(run.mean)}, p99 ${ms(run.p99)}, most ${ms(run.most)}; ` +
      `replay ${ms(replay.mean)}, p99 ${ms(replay.p99)}; ran again ${ranAgain}`,
  );
}
