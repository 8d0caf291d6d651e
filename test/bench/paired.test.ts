import { describe, expect, it } from 'vitest';

type Rounds = Record<string, number[]>;
interface Measure {
  medians: Record<string, number>;
  ratios: { of: string; over: string; value: number }[];
  added: { of: string; over: string; value: number }[];
}
interface Paired {
  measureInTurn(
    contenders: readonly { name: string }[],
    rounds: number,
    measure: (contender: { name: string }) => Promise<Record<string, number>>,
  ): Promise<Record<string, Rounds>>;
  measureOf(
    head: { id: string; what: string; unit: string },
    rounds: Rounds,
    comparisons: { ratioTo?: string[]; addedTo?: string[] },
  ): Measure;
  tablesOf(measures: readonly Measure[]): string[][][];
}
interface Groups {
  groupNames: readonly string[];
  groupsOf(part: string): string[];
}

const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
const { measureInTurn, measureOf, tablesOf }: Paired = await load('paired');
const { groupNames, groupsOf }: Groups = await load('groups/index');

describe('paired measurements', () => {
  it('take all contenders in a round, and the next round in reverse order', async () => {
    const order: string[] = [];
    const figures = await measureInTurn([{ name: 'a' }, { name: 'b' }], 3, async ({ name }) => {
      order.push(name);
      return { at: order.length };
    });
    expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
    expect(figures).toEqual({ at: { a: [1, 4, 5], b: [2, 3, 6] } });
  });

  it('compare within a round, so that a slow phase changes no ratio', () => {
    // The second round is ten times as slow for both.
    const rounds = { samekey: [20, 400, 60], bare: [10, 100, 30] };
    const head = { id: 'id', what: 'what', unit: 'µs' };
    const { medians, ratios, added } = measureOf(head, rounds, {
      ratioTo: ['bare'],
      addedTo: ['bare'],
    });
    expect(medians).toEqual({ samekey: 60, bare: 30 });
    expect(ratios).toEqual([{ of: 'samekey', over: 'bare', value: 2 }]);
    expect(added).toEqual([{ of: 'samekey', over: 'bare', value: 30 }]);
  });

  it('refuse to compare with a contender that was not measured', () => {
    const head = { id: 'id', what: 'what', unit: 'µs' };
    expect(() => measureOf(head, { samekey: [1] }, { ratioTo: ['bare'] })).toThrow(
      'Cannot compare samekey with bare: not measured',
    );
  });

  it('share a table if they have the same columns', () => {
    const measure = (unit: string, rounds: Rounds, ratioTo: string[] = []) =>
      measureOf({ id: 'id', what: 'what', unit }, rounds, { ratioTo });
    const tables = tablesOf([
      measure('µs', { bare: [2], samekey: [3] }),
      measure('bytes', { bare: [2000], samekey: [3] }),
      measure('s', { bare: [2], samekey: [3] }, ['bare']),
      measure('a second', { samekey: [1234.5] }),
    ]);
    expect(tables).toEqual([
      [
        ['', 'bare', 'samekey'],
        ['what', '2.00 µs', '3.00 µs'],
        ['what', '2.00 KB', '3 B'],
      ],
      [
        ['', 'bare', 'samekey', 'samekey over bare'],
        ['what', '2.00 s', '3.00 s', '1.50 ×'],
      ],
      [
        ['', 'samekey'],
        ['what', '1235 a second'],
      ],
    ]);
  });
});

describe('the names of parts', () => {
  it.each(['server', 'once', 'fetch'])('%s selects all groups of that part', (part) => {
    const names = groupsOf(part);
    expect(names).toContain(part);
    expect(names).toEqual(groupNames.filter((name) => name.split('-')[0] === part));
  });

  it('one group can be selected by its own name', () => {
    expect(groupsOf('once-scale')).toEqual(['once-scale']);
  });

  it('an unknown name is an error that lists the names', () => {
    expect(() => groupsOf('servers')).toThrow('Cannot run "servers": choose from engines,');
    expect(() => groupsOf('stre')).toThrow('Cannot run "stre"');
  });
});
