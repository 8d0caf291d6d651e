import { describe, expect, it } from 'vitest';

interface Goal {
  readonly of: string;
  readonly over: string;
  readonly cell: string;
}
interface ActingGoal {
  readonly id: string;
  readonly over?: string;
  readonly addedTo?: string;
}
interface TimedGroup {
  readonly cells: readonly { readonly id: string }[];
  readonly ratios: readonly { readonly of: string; readonly over: string }[];
  readonly meanOf?: readonly string[];
  readonly contenders: readonly { readonly name: string }[];
}
interface Measure {
  readonly id: string;
  readonly medians: Readonly<Record<string, number>>;
}
interface Result {
  readonly date: string;
  readonly measures: readonly Measure[];
  readonly imports: readonly { readonly name: string }[];
  readonly runtimes: readonly { readonly ratios: readonly { readonly over: string }[] }[];
}

const load = (name: string) => import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
const targets: {
  readonly GOALS: Readonly<Record<string, readonly Goal[]>>;
  readonly GZIPPED_BYTES: Readonly<Record<string, number>>;
  readonly RUNTIME_GOALS: readonly { readonly over: string }[];
} = await load('targets');
const acting: {
  readonly ACTING_GOALS: Readonly<Record<string, readonly ActingGoal[]>>;
  readonly GOALS_OVER_OTHER_BUILD: Readonly<Record<string, readonly ActingGoal[]>>;
} = await load('acting-targets');
const { loadGroup, groupNames, BEST_PEER } = await load('groups/index');
const { readProcessors } = await load('tables');

/** The newest result of a group. */
function newest(group: string): Result | undefined {
  const results: (Result | undefined)[] = readProcessors().map(
    ({ results }: { results: Record<string, Result> }) => results[group],
  );
  return results
    .filter((result) => result !== undefined)
    .sort((a, b) => a.date.localeCompare(b.date))
    .at(-1);
}

describe.each(Object.entries(targets.GOALS))('the goals of %s', (name, goals) => {
  it('name contenders that are compared, and cells', async () => {
    const group: TimedGroup = await loadGroup(name);
    const contenders = [...group.contenders.map((each) => each.name), BEST_PEER];
    const cells = group.cells.map(({ id }) => id);
    for (const goal of goals) {
      expect(contenders).toContain(goal.of);
      expect(contenders).toContain(goal.over);
      expect(group.ratios).toContainEqual({ of: goal.of, over: goal.over });
      if (goal.cell === 'mean') expect(group.meanOf?.length).toBeGreaterThan(0);
      else expect(cells).toContain(goal.cell);
    }
  });
});

/** Groups without a result as yet. */
const NOT_MEASURED = ['once-encryption'];

const actingGoals = [
  ...Object.entries(acting.ACTING_GOALS),
  ...Object.entries(acting.GOALS_OVER_OTHER_BUILD),
];
it.each(actingGoals)(
  'the goals of %s name measures and contenders of its result',
  (name, goals) => {
    expect(groupNames).toContain(name);
    const result = newest(name);
    expect(result === undefined).toBe(NOT_MEASURED.includes(name));
    for (const { id, over, addedTo } of result === undefined ? [] : goals) {
      const measure = result?.measures.find((each) => each.id === id);
      expect(Object.keys(measure?.medians ?? {}), id).toContain(over ?? addedTo ?? 'samekey');
    }
  },
);

it('the limits of sizes name imports that are measured', () => {
  const names = newest('bundle')?.imports.map(({ name }) => name);
  for (const name of Object.keys(targets.GZIPPED_BYTES)) expect(names).toContain(name);
});

it('the goals of runtimes name contenders that run on one of them', () => {
  const names = newest('runtimes')?.runtimes.flatMap(({ ratios }) =>
    ratios.map(({ over }) => over),
  );
  for (const { over } of targets.RUNTIME_GOALS) expect(names).toContain(over);
});
