import { describe, expect, it } from 'vitest';
import { ROWS } from './rows.js';
import { torture } from './torture.js';

/** The rows that `npm run test:deep` has time for; `npm run torture` runs all rows, for longer. */
const NAMES = [
  'memory: paused',
  'LMDB: killed',
  'LMDB: paused',
  'SQLite: killed',
  'Redis: killed',
  'Redis: restart, no persistence',
  'Redis: restart, appendfsync always',
  'Redis: promoted by hand',
  'Redis: slot moved',
  'Redis: maxmemory noeviction',
  'Redis: CLIENT PAUSE',
  'Redis: link cuts',
  'Redis: link one way',
  'PostgreSQL: killed',
  'PostgreSQL: restart, immediate',
  'PostgreSQL: backends killed',
  'PostgreSQL: PgBouncer',
  'PostgreSQL: pool of one',
  'MariaDB: connections killed',
  'samekey proxy: killed',
  'samekey/server: killed',
];

const rowNamed = (name: string) => {
  const row = ROWS.find((each) => each.name === name);
  if (row === undefined) throw new Error(`there is no row ${name}`);
  return row;
};

/** The same choices in every run. Their outcome depends on the timing of servers and processes. */
const SEED = 12;
const SECONDS = 4;

describe(`histories of six processes in ${SECONDS} s`, () => {
  it.each(NAMES)('%s: nothing happens that must not', async (name) => {
    const row = rowNamed(name);
    const missing = row.missing?.();
    if (missing !== undefined) {
      console.warn(`did not run: ${name}: ${missing}`);
      expect(process.env.CI, `in CI there must be everything: ${missing}`).toBeFalsy();
      return;
    }
    const { verdict, broken } = await torture(row, { seconds: SECONDS, seed: SEED, workers: 6 });
    const why = broken.map((violation) => [violation, verdict.violations[violation]]);
    expect(Object.fromEntries(why)).toEqual({});
    // A row without calls would show nothing.
    expect(verdict.runs).toBeGreaterThan(5);
    if (name === 'Redis: restart, no persistence') {
      // A certain loss must be found.
      expect(verdict.violations.lost.length + verdict.violations.rerun.length).toBeGreaterThan(0);
    }
  });
});
