import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isStream, type Shape, shapes } from '../providers/corpus/shapes.js';

const page = readFileSync(new URL('../../docs/verdicts.md', import.meta.url), 'utf8');

/** The cells of a table, without its head. */
function rowsOf(table: string): string[][] {
  const [, text = ''] = page.split(new RegExp(`<!-- ${table}:(?:start|end) -->`));
  return text
    .trim()
    .split('\n')
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

it('the table of bad input lists each kind of the corpus with its verdict', () => {
  const kinds = new Map<string, Set<string>>();
  for (const { badInput, verdict } of shapes) {
    if (badInput === undefined) continue;
    kinds.set(badInput, (kinds.get(badInput) ?? new Set()).add(`\`${verdict}\``));
  }
  expect(rowsOf('bad-input')).toEqual([...kinds].map(([kind, verdicts]) => [kind, ...verdicts]));
});

const pathOf = ({ path }: Shape) => path.split('?', 1)[0] as string;

it.each(rowsOf('apis'))('%s (%s): the corpus has each verdict of the row', (_api, ...cells) => {
  const [paths = '', end, failure] = cells;
  const ends = [...paths.matchAll(/`([^`]+)`/g)].map(([, path]) => path as string);
  for (const path of ends) {
    expect(shapes.filter((shape) => pathOf(shape).endsWith(path))).not.toEqual([]);
  }
  const row = shapes.filter((shape) => ends.some((path) => pathOf(shape).endsWith(path)));
  const verdicts = new Set(row.map(({ verdict }) => verdict));
  expect(verdicts).toContain('complete');
  if (end !== '') {
    const streams = row.filter(isStream).map(({ verdict }) => verdict);
    expect(streams).toContain('complete');
    expect(streams).toContain('broken');
  }
  if (failure !== '') expect(verdicts).toContain('failed');
});
