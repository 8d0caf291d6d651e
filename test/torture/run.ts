import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ROWS } from './rows.js';
import { torture } from './torture.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    only: { type: 'string' },
    seed: { type: 'string' },
    history: { type: 'string' },
  },
});

const rows = ROWS.filter(({ name }) => name.includes(values.only ?? ''));
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const seconds = (Number(values.minutes) * 60) / rows.length;
console.log(`${rows.length} rows, ${seconds.toFixed(0)} s each, seed ${seed}`);
let isBroken = false;
for (const row of rows) {
  const missing = row.missing?.();
  if (missing !== undefined) {
    console.log(`${row.name}: did not run: ${missing}`);
    continue;
  }
  const result = await torture(row, {
    seconds,
    seed,
    onHistory: (events) => {
      if (values.history === undefined) return;
      writeFileSync(values.history, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    },
  });
  const { verdict, broken, per1000, kills, faults } = result;
  const { keys, operations, runs, takenOver, unkept, seen } = verdict;
  console.log(
    `${row.name}: ${operations} operations, ${keys} keys, ${runs} runs, ${kills} kills, ${faults} faults`,
  );
  const counts = Object.entries(per1000).filter(([, count]) => count > 0);
  console.log(`  of 1000 keys: ${JSON.stringify(Object.fromEntries(counts))}`, {
    takenOver: takenOver.length,
    unkept: unkept.length,
    ...seen,
  });
  if (broken.length > 0) {
    isBroken = true;
    for (const violation of broken) {
      console.log(`  ${violation}: ${verdict.violations[violation].slice(0, 3).join(' ')}`);
    }
  }
}
process.exitCode = isBroken ? 1 : 0;
