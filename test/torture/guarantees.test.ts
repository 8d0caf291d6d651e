import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Results, renderGuarantees } from './guarantees.js';
import { ROWS } from './rows.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const results: Results = JSON.parse(read('test/torture/results.json'));

it('docs/guarantees.md shows the results of the committed run, and no others', () => {
  expect(read('docs/guarantees.md')).toBe(renderGuarantees(results));
});

it('every row has a result, and promises what the row promises', () => {
  const promises = (rows: readonly { name: string; fault: string; unless?: string }[]) =>
    rows.map(({ name, fault, unless }) => ({ name, fault, unless }));
  expect(promises(results.rows)).toEqual(promises(ROWS));
});

it('no result shows what its row rules out', () => {
  const broken = results.rows.flatMap(({ name, violations }) =>
    Object.entries(violations)
      .filter(([, count]) => count > 0)
      .map(([violation]) => violation)
      .filter((violation) => {
        const { mayHappen = [] } = ROWS.find((row) => row.name === name) ?? {};
        return !(mayHappen as readonly string[]).includes(violation);
      })
      .map((violation) => `${name}: ${violation}`),
  );
  expect(broken).toEqual([]);
});
